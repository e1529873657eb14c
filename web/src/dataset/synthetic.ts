import { checkKeys, expected } from '../is.js';
import { WhittleError } from '../errors.js';
import type { Model } from '../model.js';
import type { Dataset, NamedValues, Tensor, TypedArray, Value, ValueInfo } from '../types.js';
import { markSynthetic } from './dataset.js';

/** What an unknown dimension becomes: small enough to be quick, large enough for a few strides. */
const OPEN_IMAGE_SIDE = 224;
const OPEN_SEQUENCE = 16;

/** A 32-bit generator (mulberry32): made-up data is the same everywhere for a seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function concreteDims(info: ValueInfo): number[] {
  if (!info.dims) {
    throw new WhittleError(
      'UNSUPPORTED',
      `Expected a known rank for input '${info.name}' but received none; give feeds yourself`,
      {
        where: info.name,
      },
    );
  }
  const image = info.dims.length === 4;
  return info.dims.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    if (axis === 0) return 1;
    return image ? OPEN_IMAGE_SIDE : OPEN_SEQUENCE;
  });
}

const INTEGER_ARRAYS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const;

/** Floats roughly normal, integers 0 or 1 (valid as tokens, masks and indices alike). */
function fill(type: ValueInfo['type'], count: number, next: () => number): TypedArray {
  const normal = (): number => next() + next() + next() + next() - 2;
  if (type === 'float32' || type === 'float64') {
    const data = type === 'float32' ? new Float32Array(count) : new Float64Array(count);
    return data.map(normal);
  }
  const bit = (): number => (next() < 0.5 ? 0 : 1);
  if (type === 'int64') return new BigInt64Array(count).map(() => BigInt(bit()));
  if (type === 'uint64') return new BigUint64Array(count).map(() => BigInt(bit()));
  if (type in INTEGER_ARRAYS)
    return new INTEGER_ARRAYS[type as keyof typeof INTEGER_ARRAYS](count).map(bit);
  throw new WhittleError(
    'UNSUPPORTED',
    `Expected numbers that can be made up but an input is of type ${type}`,
  );
}

/** Sequences hold two tensors, optionals have content. */
function syntheticValue(info: ValueInfo, next: () => number): Value {
  const { kind, ...inside } = info;
  if (kind) inside.dims = info.elementDims ?? null;
  const dims = concreteDims(inside);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const made = (): Tensor => ({ type: info.type, dims, data: fill(info.type, count, next) });
  return kind?.endsWith('sequence') ? [made(), made()] : made();
}

/** One made-up feed for these inputs. */
export function syntheticFeeds(inputs: readonly ValueInfo[], seed = 1): NamedValues {
  const next = random(seed);
  return Object.fromEntries(inputs.map((info) => [info.name, syntheticValue(info, next)]));
}

/** Made-up samples. What is measured on them is marked "synthetic" and never called accuracy. */
export function synthetic(
  model: Pick<Model, 'inputs'>,
  o: { count?: number; seed?: number } = {},
): Dataset {
  checkKeys(o, ['count', 'seed'], 'synthetic');
  const { count = 32, seed = 1 } = o;
  if (!Number.isInteger(count) || count < 1)
    throw expected('a whole number of at least 1', 'count', count);
  const { inputs } = model;
  return markSynthetic(function* () {
    for (let i = 0; i < count; i++)
      yield { feeds: syntheticFeeds(inputs, seed + i * 7919), id: `synthetic ${i}` };
  });
}
