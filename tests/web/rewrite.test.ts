import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  convert,
  createSession,
  loadModel,
  simplify,
  type Feeds,
  type Model,
  type QuantizedForm,
  type Tensors,
} from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

async function answers(model: Model, feeds: Feeds): Promise<Tensors> {
  const session = await createSession(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

/** Quantized models of others, the form they are in, and how many integer nodes the other form has. */
const kQuantized: readonly [file: string, to: QuantizedForm][] = [
  ['resnet8_cifar10.qdq', 'qoperator'],
  ['kws_dscnn.qdq', 'qoperator'],
  ['ad01_toycar.qdq', 'qoperator'],
  ['mobilenet_v1_0.5_160.qdq', 'qoperator'],
  ['shufflenet_v2_int8.qoperator', 'qdq'],
];

describe('QDQ and QOperator', { skip: skipWithoutAssets }, () => {
  for (const [name, to] of kQuantized) {
    it(`${name} to ${to} and back: the same bits`, async () => {
      const file = asset(`quantized/${name}.onnx`);
      const model = await loadModel(file);
      const feeds = feedsFor(file, model.inputs, 1);
      const there = await convert(model, to);
      const back = await convert(there.model, to === 'qdq' ? 'qoperator' : 'qdq');
      const integers = (counts: Record<string, number>): number =>
        Object.entries(counts)
          .filter(([op]) => /(^|::)QLinear|(^|::)QGemm/.test(op))
          .reduce((sum, [, count]) => sum + count, 0);
      const { before, after } = there.operators;
      assert.ok(to === 'qdq' ? integers(after) === 0 : integers(after) > integers(before));
      const expected = await answers(model, feeds);
      const peer = await peerRun(await peerSession(readFileSync(file)), feeds);
      for (const made of [there.model, back.model]) {
        assert.deepEqual(await answers(made, feeds), expected);
        const theirs = await peerRun(await peerSession(await made.toBytes()), feeds);
        for (const [output, value] of Object.entries(peer)) {
          assert.deepEqual(theirs[output]?.data, value.data, output);
        }
      }
      for (const each of [model, there.model, back.model]) each.dispose();
    });
  }

  it('names a form that does not exist', async () => {
    const model = await loadModel(asset('quantized/resnet8_cifar10.qdq.onnx'));
    await assert.rejects(convert(model, 'int8' as QuantizedForm), { code: 'INVALID_OPTION' });
    model.dispose();
  });
});

describe('simplify', { skip: skipWithoutAssets }, () => {
  for (const name of ['ultraface_rfb_320', 'silero_vad_16k', 'ppocrv3_text_det_en']) {
    it(`${name} has fewer nodes and the same answers in onnxruntime`, async () => {
      const file = asset(`models/${name}.onnx`);
      const model = await loadModel(file);
      const made = await simplify(model);
      const total = (counts: Record<string, number>): number =>
        Object.values(counts).reduce((sum, count) => sum + count, 0);
      assert.ok(total(made.operators.after) < total(made.operators.before));
      const feeds = feedsFor(file, model.inputs, 1);
      const expected = await peerRun(await peerSession(readFileSync(file)), feeds);
      const actual = await peerRun(await peerSession(await made.model.toBytes()), feeds);
      for (const [output, value] of Object.entries(expected)) {
        const error = relativeError(actual[output]!, value);
        assert.ok(error < kFloatPeer, `${output}: ${error}`);
      }
      model.dispose();
      made.model.dispose();
    });
  }
});
