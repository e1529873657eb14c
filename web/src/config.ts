import type { EngineOptions } from './engine/protocol.js';
import { checkKeys, expected } from './is.js';
import type { Tier } from './types.js';

export interface Configuration {
  /** Folder with the .wasm and .mjs files of the package, when not beside the script. */
  wasmUrl?: string | URL;
  /** The .wasm file's bytes, in place of loading it. */
  wasmBinary?: BufferSource;
  /** false runs in the calling thread (default 'auto': a worker where one can be had). */
  worker?: 'auto' | false;
  /** Threads that work on one run (default 'auto': the machine's cores, at most 4). */
  threads?: number | 'auto';
  /** Instruction level (default 'auto': the best this JavaScript engine has). */
  tier?: Tier | 'auto';
  /** Upper bound of the engine's memory in MB. */
  maxMemoryMB?: number;
}

const TIERS = ['auto', 'relaxed', 'simd128', 'scalar'] as const;
const MAX_THREADS = 64;

let worker: 'auto' | false = 'auto';
const engine: EngineOptions = { threads: 'auto', tier: 'auto' };

/** Sets how engines start from now on; one that runs already is not changed. Throws INVALID_OPTION. */
export function configure(options: Configuration): void {
  checkKeys(
    options,
    ['wasmUrl', 'wasmBinary', 'worker', 'threads', 'tier', 'maxMemoryMB'],
    'configure',
  );
  const { threads, tier, maxMemoryMB } = options;
  if (options.worker !== undefined) {
    if (options.worker !== 'auto' && options.worker !== false)
      throw expected("'auto' or false", 'worker', options.worker);
    worker = options.worker;
  }
  if (threads !== undefined) {
    const valid =
      threads === 'auto' || (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS);
    if (!valid)
      throw expected(`'auto' or a whole number from 1 to ${MAX_THREADS}`, 'threads', threads);
    engine.threads = threads;
  }
  if (tier !== undefined) {
    if (!TIERS.includes(tier)) throw expected(`one of ${TIERS.join(', ')}`, 'tier', tier);
    engine.tier = tier;
  }
  if (maxMemoryMB !== undefined) {
    if (!(maxMemoryMB > 0)) throw expected('a number above 0', 'maxMemoryMB', maxMemoryMB);
    engine.maxMemoryMB = maxMemoryMB;
  }
  if (options.wasmUrl !== undefined)
    engine.wasmUrl = new URL(options.wasmUrl, globalThis.location?.href).href;
  if (options.wasmBinary !== undefined) engine.wasmBinary = copyBytes(options.wasmBinary);
}

function copyBytes(source: BufferSource): ArrayBuffer {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  return bytes.slice().buffer;
}

export function getConfig(): { worker: 'auto' | false; engine: EngineOptions } {
  return { worker, engine };
}
