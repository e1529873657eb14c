/**
 * Handwritten-looking digits, drawn on demand: the data set of the built-in model.
 *
 * The same (split, index, seed) gives the same pixels, bit for bit, in every engine: random numbers
 * come from 32-bit integer operations, and everything else from + - x / and square root.
 */

import { writeDigit } from './hand.js';
import { drawStrokes, kSide } from './pen.js';
import { Random, type Words } from './random.js';

/** Three endless lists of images that share no random number: see random.ts. */
export type Split = 'train' | 'calibration' | 'test';

export interface Digit {
  /** [28 * 28] in rows from the top, white (1) on black (0). */
  readonly pixels: Float32Array;
  /** 0 to 9. */
  readonly label: number;
}

/** One sample as the library takes it. */
export interface DigitSample {
  readonly feeds: {
    readonly image: {
      readonly type: 'float32';
      readonly dims: readonly [1, 1, 28, 28];
      readonly data: Float32Array;
    };
  };
  readonly label: number;
  readonly id: string;
}

const kSplits: readonly Split[] = ['train', 'calibration', 'test'];
const kDefaultSeed = 1;
const kPurposePixels = 0;
const kPurposeLabels = 1;
const kLabels = 10;
const kTwoTo32 = 4294967296;

/**
 * One image of a split.
 *
 * @param index from 0 up to 2^53 - 1; every ten images from a multiple of ten on hold each digit
 *   once, in random order.
 * @param seed a whole number from 0 up to 2^53 - 1; another seed is another data set.
 * @throws RangeError for an unknown split, or an index or seed outside its range.
 */
export function digit(split: Split, index: number, seed: number = kDefaultSeed): Digit {
  const label = labelOf(split, index, seed);
  const random = stream(split, index, seed, kPurposePixels);
  return { label, pixels: drawStrokes(writeDigit(label, random), random) };
}

/**
 * The first `count` images of a split (from `start` on), as a data set that can be read any number
 * of times and holds one image in memory at a time.
 */
export function digits(
  split: Split,
  count: number,
  options: { start?: number; seed?: number } = {},
): () => Generator<DigitSample, void, undefined> {
  const { start = 0, seed = kDefaultSeed } = options;
  checkWhole('count', count);
  return function* samples() {
    for (let index = start; index < start + count; ++index) {
      const { pixels, label } = digit(split, index, seed);
      const image = { type: 'float32', dims: [1, 1, kSide, kSide], data: pixels } as const;
      yield { feeds: { image }, label, id: `${split}-${index}` };
    }
  };
}

/** The label by itself, without drawing. Same ranges as `digit`. */
export function labelOf(split: Split, index: number, seed: number = kDefaultSeed): number {
  checkWhole('index', index);
  const random = stream(split, Math.floor(index / kLabels), seed, kPurposeLabels);
  const order = Array.from({ length: kLabels }, (_, i) => i);
  for (let i = kLabels - 1; i > 0; --i) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order[index % kLabels] as number;
}

/** The random numbers of one image; the counter holds split and index, the key seed and purpose. */
function stream(split: Split, index: number, seed: number, purpose: number): Random {
  checkWhole('index', index);
  checkWhole('seed', seed);
  const number = kSplits.indexOf(split);
  if (number < 0) {
    throw new RangeError(
      `Expected one of ${kSplits.join(', ')} for split but received ${String(split)}`,
    );
  }
  const key: Words = [seed % kTwoTo32, Math.floor(seed / kTwoTo32), purpose, 0];
  return new Random([index % kTwoTo32, Math.floor(index / kTwoTo32), number], key);
}

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Expected a whole number of 0 or more for ${name} but received ${value}`);
  }
}
