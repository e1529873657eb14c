import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import {
  compress,
  loadModel,
  type Model,
  type Recipe,
  type Tensor,
  type Tensors,
} from 'whittle-nn';
import { digits } from '../../demos/digits/src/index.js';
import { digitsModel } from './support/assets.js';
import { argmax, peerRun, peerSession } from './support/peer.js';

const kSamples = 120;
const samples = digits('calibration', kSamples);

const recipeOf = (options: object): Recipe =>
  ({ whittle: 1, steps: [{ technique: 'mixed-precision', ...options }] }) as Recipe;

/** The logits of a file on every sample, by onnxruntime. */
async function logitsOf(bytes: Uint8Array): Promise<Tensor[]> {
  const session = await peerSession(bytes);
  const all: Tensor[] = [];
  for (const { feeds } of samples()) {
    all.push((await peerRun(session, feeds as unknown as Tensors))['logits']!);
  }
  await session.release();
  return all;
}

/** Signal over noise of all samples, in dB. */
function sqnrDb(exact: readonly Tensor[], actual: readonly Tensor[]): number {
  let [signal, noise] = [0, 0];
  for (const [i, { data }] of exact.entries()) {
    for (const [j, value] of (data as Float32Array).entries()) {
      signal += value ** 2;
      noise += (value - Number(actual[i]!.data[j])) ** 2;
    }
  }
  return 10 * Math.log10(signal / noise);
}

/** The lower end of Wilson's interval, in its textbook form. */
function wilsonLow(hits: number, count: number): number {
  const [z, p] = [1.96, hits / count];
  const root = Math.sqrt((p * (1 - p)) / count + z ** 2 / (4 * count ** 2));
  return (p + z ** 2 / (2 * count) - z * root) / (1 + z ** 2 / count);
}

describe('mixed precision keeps its bound, as onnxruntime sees it', () => {
  let model: Model;
  let bytes: Uint8Array;
  let exact: Tensor[];
  before(async () => {
    bytes = await readFile(digitsModel);
    model = await loadModel(bytes);
    exact = await logitsOf(bytes);
  });
  after(() => model.dispose());

  const smallOf = async (options: object): Promise<Uint8Array> => {
    const { model: small, report } = await compress(model, recipeOf(options), {
      calibration: samples,
    });
    const made = await small.toBytes();
    small.dispose();
    assert.ok(report.steps[0]?.kept);
    // The report's recipe is a plain step that needs no data.
    const { model: again } = await compress(model, report.recipe as unknown as Recipe);
    assert.deepEqual(await again.toBytes(), made);
    again.dispose();
    return made;
  };

  for (const maxBytes of [0.4, 0.28]) {
    it(`at most ${maxBytes} of the bytes`, async () => {
      const small = await smallOf({ maxBytes });
      assert.ok(small.length <= maxBytes * bytes.length, `${small.length} of ${bytes.length}`);
      assert.ok(sqnrDb(exact, await logitsOf(small)) > 15);
    });
  }

  it('at least 35 dB, in no more bytes than 8 bits everywhere', async () => {
    const small = await smallOf({ minSqnr: 35 });
    const plain = { whittle: 1, steps: [{ technique: 'quantize-weights' }] } as Recipe;
    const { model: uniform } = await compress(model, plain);
    const most = (await uniform.toBytes()).length;
    uniform.dispose();
    const found = sqnrDb(exact, await logitsOf(small));
    assert.ok(found > 34.95, `${found} dB`);
    assert.ok(small.length <= most, `${small.length} of ${most}`);
  });

  it('at least 90 % of the answers, at the lower end of the interval', async () => {
    const logits = await logitsOf(await smallOf({ minAgreement: 0.9 }));
    const same = logits.filter((each, i) => argmax(each) === argmax(exact[i]!)).length;
    assert.ok(wilsonLow(same, kSamples) > 0.9, `${same} of ${kSamples}`);
  });
});
