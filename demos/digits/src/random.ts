/**
 * Threefry4x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011): under one key it is a bijection of a 128-bit counter. Streams whose counters
 * differ therefore never share a block, which is what keeps the splits of a data set apart. It uses
 * only 32-bit add, rotate and xor, so every engine computes the same bits.
 */

/** Four 32-bit words; only the low 32 bits of each are read. */
export type Words = readonly [number, number, number, number];

const kRotations = [
  [10, 26],
  [11, 21],
  [13, 27],
  [23, 5],
  [6, 20],
  [17, 11],
  [25, 10],
  [18, 20],
] as const;
const kRounds = 20;
const kParity = 0x1bd11bda;

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** The block for one counter under one key; the words returned are unsigned. */
export function threefry(counter: Words, key: Words): [number, number, number, number] {
  const [k0, k1, k2, k3] = key;
  const schedule = [k0, k1, k2, k3, kParity ^ k0 ^ k1 ^ k2 ^ k3] as const;
  const keyWord = (i: number): number => schedule[i % 5] as number;
  let x0 = (counter[0] + k0) | 0;
  let x1 = (counter[1] + k1) | 0;
  let x2 = (counter[2] + k2) | 0;
  let x3 = (counter[3] + k3) | 0;
  for (let round = 0; round < kRounds; ++round) {
    const [a, b] = kRotations[round % 8] as readonly [number, number];
    if (round % 2 === 0) {
      x0 = (x0 + x1) | 0;
      x1 = rotateLeft(x1, a) ^ x0;
      x2 = (x2 + x3) | 0;
      x3 = rotateLeft(x3, b) ^ x2;
    } else {
      x0 = (x0 + x3) | 0;
      x3 = rotateLeft(x3, a) ^ x0;
      x2 = (x2 + x1) | 0;
      x1 = rotateLeft(x1, b) ^ x2;
    }
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keyWord(injection)) | 0;
      x1 = (x1 + keyWord(injection + 1)) | 0;
      x2 = (x2 + keyWord(injection + 2)) | 0;
      x3 = (x3 + keyWord(injection + 3) + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0, x2 >>> 0, x3 >>> 0];
}

/** The numbers of one stream: blocks (0, stream), (1, stream), ... of one key, word by word. */
export class Random {
  private block_: number[] = [];
  private used_ = 4;
  private nextBlock_ = 0;

  constructor(
    private readonly stream_: readonly [number, number, number],
    private readonly key_: Words,
  ) {}

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    if (this.used_ === 4) {
      this.block_ = threefry([this.nextBlock_++, ...this.stream_], this.key_);
      this.used_ = 0;
    }
    return this.block_[this.used_++] as number;
  }

  /** Uniform in [low, high); exact, since a 32-bit integer times 2^-32 is. */
  range(low: number, high: number): number {
    return low + (high - low) * (this.bits() / 4294967296);
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.range(0, count));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.range(0, 1) < probability;
  }

  /**
   * Bell-shaped with the given mean and standard deviation: the sum of four uniforms (Irwin-Hall,
   * variance 1/3), so never further than sqrt(12) deviations away and free of log and cos.
   */
  bell(mean: number, deviation: number): number {
    const sum =
      this.range(-0.5, 0.5) + this.range(-0.5, 0.5) + this.range(-0.5, 0.5) + this.range(-0.5, 0.5);
    return mean + deviation * Math.sqrt(3) * sum;
  }
}
