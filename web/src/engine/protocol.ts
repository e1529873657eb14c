import type { ErrorData } from '../errors.js';
import type { ModuleAddress } from './assets.js';
import type { Capabilities, NamedValues, Progress, Tier, ValueInfo } from '../types.js';

/** Numbers that stand for objects on the engine's side. */
export type Id = number;

export interface EngineOptions {
  /** Where the .wasm files are, when not beside the script. */
  wasmUrl?: string;
  wasmBinary?: ArrayBuffer;
  threads: number | 'auto';
  tier: Tier | 'auto';
  maxMemoryMB?: number;
}

export interface ModelInfo {
  id: Id;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  opset: number;
}

/** One step of a plan, with the time of the last run. */
export interface SessionProfile {
  node: string;
  op: string;
  kernel: string;
  shape: string;
  macs: number;
  ms: number;
}

export interface SessionMemory {
  /** Bytes of packed weights and other constants. */
  constants: number;
  /** Bytes of the arena that holds every activation. */
  arena: number;
}

export interface SessionSettings {
  tier?: string;
  profile?: boolean;
  /** Outputs fed back: output name to input name. */
  state?: Readonly<Record<string, string>>;
}

export interface JobStatus {
  done: boolean;
  wants: 'nothing' | 'sample' | 'rewind';
  progress: Progress;
}

/** A sample as it crosses: tensors complete, label a class. */
export interface SampleData {
  feeds: NamedValues;
  label?: number;
  id?: string;
}

/** What the engine is told of the data before it asks for samples. */
export interface DataTraits {
  haveData: boolean;
  /** Whether it can be read a second time. */
  reiterable: boolean;
  /** Made up rather than real: reports say so. */
  synthetic: boolean;
}

export interface CompareOptions {
  /** What outputs hold, by name; the others are recognised. */
  outputs: Record<string, 'values' | 'classes' | 'pixels'>;
  checkPreprocessing: boolean;
  synthetic: boolean;
}

/** Everything the engine does; the same in a worker and in place. */
export interface Engine {
  capabilities(): Promise<Capabilities>;
  newFile(expectedSize: number): Promise<Id>;
  appendFile(file: Id, chunk: Uint8Array): Promise<void>;
  openModel(file: Id, name: string, external: Record<string, Id>): Promise<ModelInfo>;
  summary(model: Id, shapes: Record<string, readonly number[]>): Promise<unknown>;
  toBytes(model: Id): Promise<Uint8Array>;
  createSession(model: Id, options: SessionSettings): Promise<Id>;
  run(session: Id, feeds: NamedValues, outputs: readonly string[]): Promise<NamedValues>;
  resetState(session: Id): Promise<void>;
  /** Milliseconds of one run, over `repeats` runs. */
  time(session: Id, feeds: NamedValues, repeats: number): Promise<number>;
  profile(session: Id): Promise<SessionProfile[]>;
  memory(session: Id): Promise<SessionMemory>;
  startCompress(model: Id, recipe: unknown, options: DataTraits): Promise<Id>;
  startCompare(original: Id, compressed: Id | null, options: CompareOptions): Promise<Id>;
  startCompareLayers(original: Id, compressed: Id): Promise<Id>;
  explain(model: Id, recipe: unknown): Promise<unknown>;
  judge(gate: unknown, evaluation: unknown): Promise<unknown>;
  presetRecipe(model: Id, preset: string, haveData: boolean): Promise<unknown>;
  /** Goes on until the job wants something, is done, or some 30 ms have passed. */
  step(job: Id, sample?: SampleData | null): Promise<JobStatus>;
  jobReport(job: Id): Promise<unknown>;
  jobModel(job: Id): Promise<ModelInfo>;
  free(id: Id): Promise<void>;
}

export type Method = keyof Engine;

/** What a worker is told before anything else. */
export interface StartOptions extends EngineOptions {
  modules: Readonly<Record<string, ModuleAddress>>;
}

export interface Request {
  id: number;
  method: Method | 'start';
  args: readonly unknown[];
}

export type Reply = { id: number; value: unknown } | { id: number; error: ErrorData };
