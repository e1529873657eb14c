/** What a compiled module exports (bindings/). Pointers and heap views stay on the other side. */

import type { ErrorData } from '../errors.js';
import type { JobStatus, SessionProfile } from './protocol.js';
import type { NamedValues, ValueInfo } from '../types.js';

/** What every bound function returns in place of throwing. */
export type Result<T> = { value: T; error?: undefined } | { value?: undefined; error: ErrorData };

interface Handle {
  delete(): void;
}
export interface FileBuffer extends Handle {
  append(chunk: Uint8Array): void;
}
export interface ModelHandle extends Handle {
  describe(): { inputs: ValueInfo[]; outputs: ValueInfo[]; opset: number };
  toBytes(): Result<Uint8Array>;
  /** JSON. */
  summary(shapes: Record<string, readonly number[]>): Result<string>;
}
export interface SessionHandle extends Handle {
  run(feeds: NamedValues, outputs: readonly string[]): Result<NamedValues>;
  time(feeds: NamedValues, repeats: number): Result<number>;
  resetState(): void;
  profile(): SessionProfile[];
  memory(): { constants: number; arena: number };
}
export interface JobHandle extends Handle {
  /** undefined: go on; null: the data has ended; a sample: what was asked for. */
  step(
    sample: { feeds: NamedValues; label?: number; id?: string } | null | undefined,
  ): Result<JobStatus>;
  cancel(): void;
  /** JSON. */
  report(): Result<string>;
  /** Compression only. */
  model(): Result<ModelHandle>;
}

export interface WhittleModule {
  FileBuffer: new (expectedSize: number) => FileBuffer;
  openModel(
    file: FileBuffer,
    name: string,
    external: Record<string, FileBuffer>,
  ): Result<ModelHandle>;
  createSession(
    model: ModelHandle,
    options: { tier: string; profile: boolean; state: Readonly<Record<string, string>> },
  ): Result<SessionHandle>;
  startThreads(threads: number): void;
  activeThreads(): number;
  bestTier(): string;
  heapBytes(): number;
  // The full flavour only; recipes, options and results are JSON:
  startCompress(
    model: ModelHandle,
    recipe: string,
    options: string,
    compressedSize: (bytes: Uint8Array) => number,
  ): Result<JobHandle>;
  startCompare(
    original: ModelHandle,
    compressed: ModelHandle | null,
    options: string,
  ): Result<JobHandle>;
  startCompareLayers(original: ModelHandle, compressed: ModelHandle): Result<JobHandle>;
  explain(model: ModelHandle, recipe: string): Result<string>;
  judge(gate: string, evaluation: string): Result<string>;
  presetRecipe(model: ModelHandle, preset: string, haveData: boolean): Result<string>;
  techniqueSchema(): string;
}

export type CreateWhittle = (overrides: Record<string, unknown>) => Promise<WhittleModule>;
