import { zlibSync } from 'fflate';

import { fromErrorData, WhittleError } from '../errors.js';
import type { Capabilities, NamedValues } from '../types.js';
import type { LoadedModule } from './loader.js';
import type { FileBuffer, JobHandle, ModelHandle, Result, SessionHandle } from './module.js';
import type {
  CompareOptions,
  DataTraits,
  Engine,
  Id,
  JobStatus,
  ModelInfo,
  SampleData,
  SessionMemory,
  SessionProfile,
  SessionSettings,
} from './protocol.js';

type Handle = FileBuffer | ModelHandle | SessionHandle | JobHandle;

/** A job's call returns after about this long, so that cancel messages and runs get their turn. */
const STEP_MS = 30;

/** The result of a bound function, or its error as an exception. */
function unwrap<T>(result: Result<T>): T {
  if (result.error) throw fromErrorData(result.error);
  return result.value as T;
}

/**
 * What a file weighs on the wire, for the decision whether a step pays. Deflate of one implementation
 * rather than the host's brotli: the same recipe must give the same file on every machine.
 */
const compressedSize = (bytes: Uint8Array): number => zlibSync(bytes, { level: 6 }).length;

/** The engine in the calling thread: a table of handles over one module. */
export class LocalEngine implements Engine {
  private readonly handles = new Map<Id, Handle>();
  private nextId = 1;

  constructor(
    private readonly loaded: LoadedModule,
    private readonly inWorker: boolean,
  ) {}

  async capabilities(): Promise<Capabilities> {
    const { module, variant, fallbacks, version } = this.loaded;
    return { variant, threads: module.activeThreads(), worker: this.inWorker, fallbacks, version };
  }

  async newFile(expectedSize: number): Promise<Id> {
    return this.keep(new this.loaded.module.FileBuffer(expectedSize));
  }

  async appendFile(file: Id, chunk: Uint8Array): Promise<void> {
    this.get<FileBuffer>(file).append(chunk);
  }

  async openModel(file: Id, name: string, external: Record<string, Id>): Promise<ModelInfo> {
    const buffers = Object.fromEntries(
      Object.entries(external).map(([location, id]) => [location, this.get<FileBuffer>(id)]),
    );
    const ids = [file, ...Object.values(external)];
    try {
      return this.describe(
        unwrap(this.loaded.module.openModel(this.get<FileBuffer>(file), name, buffers)),
      );
    } finally {
      for (const id of ids) await this.free(id);
    }
  }

  async summary(model: Id, shapes: Record<string, readonly number[]>): Promise<unknown> {
    return JSON.parse(unwrap(this.get<ModelHandle>(model).summary(shapes)));
  }

  async toBytes(model: Id): Promise<Uint8Array> {
    return unwrap(this.get<ModelHandle>(model).toBytes());
  }

  async createSession(model: Id, options: SessionSettings): Promise<Id> {
    const { tier = '', profile = false, state = {} } = options;
    const complete = { tier, profile, state };
    return this.keep(
      unwrap(this.loaded.module.createSession(this.get<ModelHandle>(model), complete)),
    );
  }

  runNow(session: Id, feeds: NamedValues, outputs: readonly string[]): NamedValues {
    return unwrap(this.get<SessionHandle>(session).run(feeds, outputs));
  }

  async run(session: Id, feeds: NamedValues, outputs: readonly string[]): Promise<NamedValues> {
    return this.runNow(session, feeds, outputs);
  }

  async resetState(session: Id): Promise<void> {
    this.get<SessionHandle>(session).resetState();
  }

  async time(session: Id, feeds: NamedValues, repeats: number): Promise<number> {
    return unwrap(this.get<SessionHandle>(session).time(feeds, repeats));
  }

  async profile(session: Id): Promise<SessionProfile[]> {
    return this.get<SessionHandle>(session).profile();
  }

  async memory(session: Id): Promise<SessionMemory> {
    return this.get<SessionHandle>(session).memory();
  }

  async startCompress(model: Id, recipe: unknown, options: DataTraits): Promise<Id> {
    const handle = this.get<ModelHandle>(model);
    const [recipeText, optionsText] = [JSON.stringify(recipe), JSON.stringify(options)];
    return this.keep(
      unwrap(this.loaded.module.startCompress(handle, recipeText, optionsText, compressedSize)),
    );
  }

  async startCompare(original: Id, compressed: Id | null, options: CompareOptions): Promise<Id> {
    const first = this.get<ModelHandle>(original);
    const second = compressed === null ? null : this.get<ModelHandle>(compressed);
    return this.keep(
      unwrap(this.loaded.module.startCompare(first, second, JSON.stringify(options))),
    );
  }

  async startCompareLayers(original: Id, compressed: Id): Promise<Id> {
    const [first, second] = [this.get<ModelHandle>(original), this.get<ModelHandle>(compressed)];
    return this.keep(unwrap(this.loaded.module.startCompareLayers(first, second)));
  }

  async explain(model: Id, recipe: unknown): Promise<unknown> {
    return JSON.parse(
      unwrap(this.loaded.module.explain(this.get<ModelHandle>(model), JSON.stringify(recipe))),
    );
  }

  async judge(gate: unknown, evaluation: unknown): Promise<unknown> {
    return JSON.parse(
      unwrap(this.loaded.module.judge(JSON.stringify(gate), JSON.stringify(evaluation))),
    );
  }

  async presetRecipe(model: Id, preset: string, haveData: boolean): Promise<unknown> {
    const handle = this.get<ModelHandle>(model);
    return JSON.parse(unwrap(this.loaded.module.presetRecipe(handle, preset, haveData)));
  }

  async step(job: Id, sample?: SampleData | null): Promise<JobStatus> {
    const handle = this.get<JobHandle>(job);
    const start = performance.now();
    let status = unwrap(handle.step(sample));
    while (!status.done && status.wants === 'nothing' && performance.now() - start < STEP_MS) {
      status = unwrap(handle.step(undefined));
    }
    return status;
  }

  async jobReport(job: Id): Promise<unknown> {
    return JSON.parse(unwrap(this.get<JobHandle>(job).report()));
  }

  async jobModel(job: Id): Promise<ModelInfo> {
    return this.describe(unwrap(this.get<JobHandle>(job).model()));
  }

  async free(id: Id): Promise<void> {
    this.handles.get(id)?.delete();
    this.handles.delete(id);
  }

  private describe(model: ModelHandle): ModelInfo {
    return { id: this.keep(model), ...model.describe() };
  }

  private keep(handle: Handle): Id {
    const id = this.nextId++;
    this.handles.set(id, handle);
    return id;
  }

  private get<T extends Handle>(id: Id): T {
    const handle = this.handles.get(id);
    if (!handle)
      throw new WhittleError(
        'DISPOSED',
        'Expected a live object but received one that was disposed of',
      );
    return handle as T;
  }
}
