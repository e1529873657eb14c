import { acquireEngine, releaseEngine, type EngineHost } from './engine/host.js';
import type { Engine, Id, ModelInfo } from './engine/protocol.js';
import { WhittleError } from './errors.js';
import { runLong } from './long.js';
import { beside, openBytes, splitSource, type Opened } from './source.js';
import type { Summary } from './summary.js';
import type { Bytes, Long, Source, ValueInfo } from './types.js';

/** Bytes sent to the engine at a time. */
const CHUNK_BYTES = 4 << 20;

/** A loaded model. Hold it as long as it is needed, then dispose of it: its memory is the engine's. */
export class Model {
  /** How reports name it: the file's name. */
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** The ai.onnx opset that toBytes() states. */
  readonly opset: number;
  private disposed = false;

  /** @internal */
  constructor(
    private readonly host: EngineHost,
    private readonly info: ModelInfo,
    name: string,
  ) {
    this.name = name;
    this.inputs = info.inputs;
    this.outputs = info.outputs;
    this.opset = info.opset;
  }

  /** @internal */
  get handle(): { host: EngineHost; id: Id } {
    if (this.disposed)
      throw new WhittleError(
        'DISPOSED',
        `Expected a live model but '${this.name}' was disposed of`,
      );
    return { host: this.host, id: this.info.id };
  }

  /**
   * Operators, parameters, MACs and bytes per layer, and what this version cannot run. `shapes` makes
   * symbolic inputs concrete, by name; unknown dimensions count as 1.
   */
  async summary(shapes: Record<string, readonly number[]> = {}): Promise<Summary> {
    const { host, id } = this.handle;
    return (await host.engine.summary(id, shapes)) as Summary;
  }

  /** The model as standard ONNX. */
  async toBytes(): Promise<Uint8Array> {
    const { host, id } = this.handle;
    return host.engine.toBytes(id);
  }

  /** Gives the memory back. May be called twice; any other use afterwards throws DISPOSED. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (!this.host.dead) void this.host.engine.free(this.info.id).catch(() => {});
    void releaseEngine();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

async function upload(
  engine: Engine,
  opened: Opened,
  report: (done: number, total?: number) => void,
): Promise<Id> {
  const file = await engine.newFile(opened.size);
  try {
    let sent = 0;
    for await (const chunk of opened.chunks) {
      for (let at = 0; at < chunk.byteLength; at += CHUNK_BYTES) {
        const part = chunk.slice(at, at + CHUNK_BYTES);
        sent += part.byteLength;
        await engine.appendFile(file, part);
        report(sent, opened.size || undefined);
      }
    }
  } catch (error) {
    await engine.free(file).catch(() => {});
    throw error;
  }
  return file;
}

/** The locations an EXTERNAL_DATA_MISSING error lists, one a line behind "- ". */
function missingLocations(error: unknown): string[] {
  if (!(error instanceof WhittleError) || error.code !== 'EXTERNAL_DATA_MISSING') return [];
  return (error.where ?? '').split('\n').filter((line) => line !== '');
}

/** Loads a model into an engine. External data that was not given is looked for beside the model. */
export async function loadInto(
  host: EngineHost,
  source: Source,
  o: Long,
  name?: string,
): Promise<Model> {
  const { main, external } = splitSource(source);
  const given = new Map<string, Bytes>(Object.entries(external));
  return runLong(o, async (report) => {
    for (let attempt = 0; ; attempt++) {
      const opened = await openBytes(main, o.signal);
      const progress = (stage: string) => (done: number, total?: number) =>
        report({ stage, done, ...(total ? { total } : {}) });
      const file = await upload(host.engine, opened, progress(`load ${opened.name}`));
      const ids: Record<string, Id> = {};
      for (const [location, bytes] of given) {
        const part = await openBytes(bytes, o.signal);
        ids[location] = await upload(host.engine, part, progress(`load ${location}`));
      }
      try {
        const info = await host.engine.openModel(file, name ?? opened.name, ids);
        return new Model(host, info, name ?? opened.name);
      } catch (error) {
        const missing = missingLocations(error);
        const found = missing.map((location) => [location, beside(main, location)] as const);
        const readable = found.every(([, bytes]) => bytes !== undefined);
        if (attempt > 0 || missing.length === 0 || !readable) throw error;
        if (!(await canOpenAll(found.map(([, bytes]) => bytes as Bytes)))) throw error;
        for (const [location, bytes] of found) given.set(location, bytes as Bytes);
      }
    }
  });
}

async function canOpenAll(sources: readonly Bytes[]): Promise<boolean> {
  for (const source of sources) {
    try {
      const opened = await openBytes(source);
      await opened.close();
    } catch {
      return false;
    }
  }
  return true;
}

/**
 * Loads an ONNX model. Throws NOT_A_MODEL (saying what the bytes look like and how to get ONNX from
 * it), INVALID_MODEL, EXTERNAL_DATA_MISSING, LOAD_FAILED, LIMIT_EXCEEDED, OUT_OF_MEMORY.
 */
export async function loadModel(source: Source, o: Long = {}): Promise<Model> {
  const host = await acquireEngine();
  try {
    return await loadInto(host, source, o);
  } catch (error) {
    await releaseEngine();
    throw error;
  }
}
