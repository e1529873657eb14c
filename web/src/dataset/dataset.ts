import { expected } from '../is.js';
import type { Dataset, Sample } from '../types.js';

/** Marks datasets whose samples are made up; reports made from them say so. */
const synthetic = new WeakSet<object>();

export function markSynthetic<T extends Dataset>(data: T): T {
  synthetic.add(data);
  return data;
}
export const isSynthetic = (data: Dataset | undefined): boolean =>
  data !== undefined && synthetic.has(data);

/** Starts a fresh reading. Throws INVALID_OPTION for what is not a dataset. */
export function readDataset(data: Dataset): Iterable<Sample> | AsyncIterable<Sample> {
  if (Array.isArray(data)) return data as readonly Sample[];
  if (typeof data === 'function') return data();
  throw expected(
    'an array of samples or a function that returns an iterable of them',
    'data',
    data,
  );
}

/**
 * True for something that can be read once only: a generator object or stream. It is accepted where
 * one pass is enough.
 */
export function isOneShot(data: unknown): data is Iterable<Sample> | AsyncIterable<Sample> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return false;
  return Symbol.asyncIterator in data || Symbol.iterator in data;
}

/** SplitMix32 (Steele, Lea and Flood 2014): decides by number and seed, the same everywhere. */
function hash(seed: number, index: number): number {
  let z = (seed + Math.imul(index + 1, 0x9e3779b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

/**
 * One dataset as two that share no sample: every sample goes by its number and the seed to one or
 * the other, so that the split needs no knowledge of the length and is the same on each reading.
 */
export function splitDataset(
  data: Dataset,
  seed: number,
  calibrationShare = 0.5,
): { calibration: Dataset; evaluation: Dataset } {
  const limit = calibrationShare * 2 ** 32;
  const pick = (calibration: boolean): Dataset => {
    const part: Dataset = async function* () {
      let index = 0;
      for await (const sample of readDataset(data)) {
        if (hash(seed, index) < limit === calibration)
          yield { ...sample, id: sample.id ?? `#${index}` };
        index++;
      }
    };
    return isSynthetic(data) ? markSynthetic(part) : part;
  };
  return { calibration: pick(true), evaluation: pick(false) };
}
