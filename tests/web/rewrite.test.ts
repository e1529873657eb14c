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

const total = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The largest relative error between a model file and a rewritten one, both in onnxruntime. */
async function peerError(file: string, made: Model, feeds: Feeds): Promise<number> {
  const expected = await peerRun(await peerSession(readFileSync(file)), feeds);
  const actual = await peerRun(await peerSession(await made.toBytes()), feeds);
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  return Math.max(
    ...Object.entries(expected).map(([name, value]) => relativeError(actual[name]!, value)),
  );
}

/** Nodes that onnxsim 0.8.1 leaves; it fails on silero_vad_16k. */
const kSimplified: readonly [file: string, onnxsim: number][] = [
  ['ultraface_rfb_320', 128],
  ['silero_vad_16k', 350],
  ['byte_bidi_lstm', 12],
  ['retinaface_mbnet0.25', 179],
  ['yunet_n_dynamic', 163],
  ['tiny_random_bert', 143],
];

describe('simplify', { skip: skipWithoutAssets }, () => {
  for (const [name, onnxsim] of kSimplified) {
    it(`${name} has at most the nodes onnxsim leaves and the same answers in onnxruntime`, async () => {
      const file = asset(`models/${name}.onnx`);
      const model = await loadModel(file);
      const made = await simplify(model);
      assert.ok(total(made.operators.after) <= onnxsim, `${total(made.operators.after)}`);
      const error = await peerError(file, made.model, feedsFor(file, model.inputs, 1));
      assert.ok(error < kFloatPeer, `${error}`);
      model.dispose();
      made.model.dispose();
    });
  }

  it('opset 20 joins LayerNormalization and Gelu, 13 writes them out again', async () => {
    const file = asset('models/tiny_random_bert.onnx');
    const model = await loadModel(file);
    const feeds = feedsFor(file, model.inputs, 1);
    const up = await simplify(model, { opset: 20 });
    assert.equal(up.model.opset, 20);
    assert.equal(up.operators.after['LayerNormalization'], 5);
    assert.equal(up.operators.after['Gelu'], 2);
    const down = await simplify(up.model, { opset: 13 });
    assert.equal(down.model.opset, 13);
    assert.equal(down.operators.after['LayerNormalization'], undefined);
    for (const made of [up, down]) {
      const error = await peerError(file, made.model, feeds);
      assert.ok(error < kFloatPeer, `${error}`);
      made.model.dispose();
    }
    model.dispose();
  });

  it('names what keeps a model from an older opset', async () => {
    const model = await loadModel(asset('quantized/silero_vad_fp16.onnx'));
    const { model: newer } = await simplify(model, { opset: 23 });
    assert.equal(newer.opset, 23);
    await assert.rejects(simplify(newer, { opset: 12 }), { code: 'INVALID_OPTION' });
    for (const each of [model, newer]) each.dispose();
  });

  it('fixes inputs and named dimensions', async () => {
    const file = asset('models/yunet_n_dynamic.onnx');
    const model = await loadModel(file);
    const made = await simplify(model, { shapes: { input: [1, 3, 320, 320] } });
    assert.deepEqual(made.model.inputs[0]?.dims, [1, 3, 320, 320]);
    assert.deepEqual(made.model.outputs[0]?.dims, [1, 1600, 1]);
    assert.equal(made.operators.after['Shape'], undefined);
    const batch = await simplify(model, { shapes: { batch: 2 } });
    assert.deepEqual(batch.model.inputs[0]?.dims, [2, 3, 'height', 'width']);
    await assert.rejects(simplify(model, { shapes: { inptu: [1, 3, 32, 32] } }), {
      code: 'INVALID_OPTION',
      message: /'inptu'.*Did you mean "input"/,
    });
    await assert.rejects(simplify(model, { shapes: { input: [1, 1, 32, 32] } }), {
      code: 'INVALID_OPTION',
      message: /Expected 3 for dimension 1/,
    });
    for (const each of [model, made.model, batch.model]) each.dispose();
  });
});
