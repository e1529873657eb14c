import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import * as ort from 'onnxruntime-web';
import { digit, digits, labelOf, type Split } from '../../demos/digits/src/index.js';
import { threefry } from '../../demos/digits/src/random.js';
import { cosineOfTurns, sineOfTurns } from '../../demos/digits/src/sine.js';

const kSplits: readonly Split[] = ['train', 'calibration', 'test'];

// Made by this generator at its first release; a change here is a new data set, and the accuracies
// in the README must be measured again.
const kFirstHundred = {
  train: 'd8cf459ee2cb719668d57532baf396f7ecb49808f3a529d208c2643182303ff5',
  calibration: '71ecb5a547a9c020700a0a17954a55bc570b9bb9dcb5172e9406056d173d1a7e',
  test: 'e50f67aaff4c5ac0d7e59f075e1089f6ff6d15b08f3c98f0f356ce24790aa466',
};

/** SHA-256 over label and pixels, as bytes, of `count` images. */
function hashOf(split: Split, count: number, seed?: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < count; ++i) {
    const { label, pixels } = digit(split, i, seed);
    hash.update(Uint8Array.of(label));
    hash.update(Uint8Array.from(pixels, (value) => Math.round(value * 255)));
  }
  return hash.digest('hex');
}

const textOf = (pixels: Float32Array): string => Buffer.from(pixels.buffer).toString('base64');

describe('threefry', () => {
  it('matches the published known answers (Random123, kat_vectors, threefry4x32 20)', () => {
    const hex = (words: readonly number[]): string[] => words.map((word) => word.toString(16));
    assert.deepEqual(hex(threefry([0, 0, 0, 0], [0, 0, 0, 0])), [
      '9c6ca96a',
      'e17eae66',
      'fc10ecd4',
      '5256a7d8',
    ]);
    assert.deepEqual(hex(threefry([-1, -1, -1, -1], [-1, -1, -1, -1])), [
      '2a881696',
      '57012287',
      'f6c7446e',
      'a16a6732',
    ]);
  });
});

describe('sine', () => {
  it('stays within 4e-7 of the true sine, over several turns both ways', () => {
    for (let i = -3000; i <= 3000; ++i) {
      const turns = i / 1234.5;
      assert.ok(Math.abs(sineOfTurns(turns) - Math.sin(2 * Math.PI * turns)) < 4e-7);
      assert.ok(Math.abs(cosineOfTurns(turns) - Math.cos(2 * Math.PI * turns)) < 4e-7);
    }
  });
});

describe('digit', () => {
  for (const split of kSplits) {
    it(`draws the same first hundred ${split} images everywhere`, () => {
      assert.equal(hashOf(split, 100), kFirstHundred[split]);
    });
  }

  it('does not depend on what was drawn before', () => {
    const alone = digit('test', 777);
    for (let i = 0; i < 20; ++i) digit('train', i);
    assert.deepEqual(digit('test', 777), alone);
    assert.equal(labelOf('test', 777), alone.label);
  });

  it('gives each digit once in every ten images, in changing order', () => {
    for (const split of kSplits) {
      const orders = new Set<string>();
      for (let block = 0; block < 50; ++block) {
        const labels = Array.from({ length: 10 }, (_, i) => labelOf(split, block * 10 + i));
        assert.deepEqual([...labels].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        orders.add(labels.join(''));
      }
      assert.ok(orders.size > 45);
    }
  });

  it('never draws the same image twice, within or across splits or seeds', () => {
    const seen = new Set<string>();
    for (const split of kSplits) {
      for (const seed of [1, 2]) {
        for (let i = 0; i < 500; ++i) seen.add(textOf(digit(split, i, seed).pixels));
      }
    }
    assert.equal(seen.size, 3 * 2 * 500);
  });

  it('uses all of a large index and a large seed', () => {
    const large = 2 ** 32;
    assert.notDeepEqual(digit('train', large).pixels, digit('train', 0).pixels);
    assert.notDeepEqual(digit('train', 0, large).pixels, digit('train', 0, 0).pixels);
  });

  it('keeps to whole 255ths in [0, 1], with ink near the middle as MNIST has', () => {
    for (let i = 0; i < 500; ++i) {
      const { pixels } = digit('train', i);
      assert.equal(pixels.length, 28 * 28);
      let [ink, x, y] = [0, 0, 0];
      pixels.forEach((value, at) => {
        assert.ok(value >= 0 && value <= 1);
        assert.equal(value, Math.fround(Math.round(value * 255) / 255));
        const strong = value > 0.4 ? value : 0;
        ink += strong;
        x += strong * (at % 28);
        y += strong * Math.floor(at / 28);
      });
      assert.ok(ink > 10 && ink < 350, `ink of image ${i}: ${ink}`);
      assert.ok(Math.abs(x / ink - 13.5) < 5 && Math.abs(y / ink - 13.5) < 5, `centre of ${i}`);
    }
  });

  it('names what is wrong with its arguments', () => {
    assert.throws(() => digit('validation' as Split, 0), {
      name: 'RangeError',
      message: 'Expected one of train, calibration, test for split but received validation',
    });
    assert.throws(() => digit('train', -1), {
      message: 'Expected a whole number of 0 or more for index but received -1',
    });
    assert.throws(() => digit('train', 0, 0.5), {
      message: 'Expected a whole number of 0 or more for seed but received 0.5',
    });
    assert.throws(() => digits('train', Number.NaN), {
      message: 'Expected a whole number of 0 or more for count but received NaN',
    });
  });
});

describe('digits', () => {
  it('is a data set that can be read again', () => {
    const dataset = digits('calibration', 5, { start: 20 });
    const first = [...dataset()];
    assert.deepEqual([...dataset()], first);
    assert.deepEqual(
      first.map((sample) => sample.id),
      [20, 21, 22, 23, 24].map((i) => `calibration-${i}`),
    );
    const { pixels, label } = digit('calibration', 21);
    assert.equal(first[1]?.label, label);
    assert.deepEqual(first[1]?.feeds.image, {
      type: 'float32',
      dims: [1, 1, 28, 28],
      data: pixels,
    });
  });
});

describe('digits.onnx', () => {
  it('reads at least 98.5 % of 10,000 test images, in batches of any size', async () => {
    ort.env.wasm.numThreads = 1;
    const bytes = await readFile(new URL('../../demos/digits/digits.onnx', import.meta.url));
    assert.ok(bytes.length < 120_000 * 4, `${bytes.length} bytes for at most 120,000 parameters`);
    const session = await ort.InferenceSession.create(new Uint8Array(bytes));
    assert.deepEqual([session.inputNames, session.outputNames], [['image'], ['logits']]);
    let right = 0;
    let start = 0;
    for (const count of [1, 99, ...Array<number>(99).fill(100)]) {
      const samples = [...digits('test', count, { start })()];
      const data = new Float32Array(count * 784);
      samples.forEach((sample, i) => data.set(sample.feeds.image.data, i * 784));
      const image = new ort.Tensor('float32', data, [count, 1, 28, 28]);
      const logits = (await session.run({ image }))['logits']?.data as Float32Array;
      assert.equal(logits.length, count * 10);
      samples.forEach((sample, i) => {
        const scores = logits.subarray(i * 10, i * 10 + 10);
        if (scores.indexOf(Math.max(...scores)) === sample.label) ++right;
      });
      start += count;
    }
    assert.equal(start, 10_000);
    assert.ok(right >= 9_850, `${right} of 10,000`);
  });
});
