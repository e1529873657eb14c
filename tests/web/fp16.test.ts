import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arrays, compress, createSession, loadModel, type Recipe } from 'whittle-nn';
import { onnxModel } from './support/onnx.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';

/** Evenly spread from -1 to 1, in an order without pattern. */
const spread = (count: number, scale: number, step: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => scale * ((2 * ((i * step) % count)) / count - 1));

/** x -> MatMul to some 1e6 -> Relu -> MatMul back to some 10 -> Relu -> MatMul. */
const overflowing = (): Uint8Array =>
  onnxModel(
    { name: 'x', dims: [-1, 16] },
    [
      { op: 'MatMul', name: 'grow', inputs: ['x', 'up'] },
      { op: 'Relu', name: 'huge', inputs: ['grow_out'] },
      { op: 'MatMul', name: 'shrink', inputs: ['huge_out', 'down'] },
      { op: 'Relu', name: 'small', inputs: ['shrink_out'] },
      { op: 'MatMul', name: 'last', inputs: ['small_out', 'end'] },
    ],
    [
      { name: 'up', dims: [16, 32], data: spread(512, 6e4, 179) },
      { name: 'down', dims: [32, 16], data: spread(512, 1e-4, 91) },
      { name: 'end', dims: [16, 16], data: spread(256, 1, 43) },
    ],
    { name: 'last_out', dims: [-1, 16] },
  );

const recipe = (float32: string): Recipe => ({
  whittle: 1,
  steps: [{ technique: 'fp16', graph: true, float32, keep: true } as Recipe['steps'][number]],
});

describe('a float16 graph in onnxruntime', () => {
  const x = { type: 'float32', dims: [20, 16], data: spread(320, 3, 97) } as const;

  it('stays finite where the middle overflows float16', async () => {
    const model = await loadModel(overflowing());
    const feeds = { x };
    const expected = (await peerRun(await peerSession(overflowing()), feeds as never))['last_out'];
    assert.ok(expected);
    const halved = async (float32: string) => {
      const options = float32 === 'auto' ? { calibration: arrays({ x }) } : {};
      return (await compress(model, recipe(float32), options)).model;
    };
    // onnxruntime computes float16 products in float32 and may never round to float16 in between, so
    // that there is an overflow to avoid is shown by our own session.
    const blind = await halved('none');
    const session = await createSession(blind);
    const { last_out: broken } = await session.run(feeds);
    assert.ok(![...(broken?.data as Float32Array)].every(Number.isFinite), 'it does overflow');
    await session.dispose();
    blind.dispose();

    const small = await halved('auto');
    const out = (await peerRun(await peerSession(await small.toBytes()), feeds as never))[
      'last_out'
    ];
    assert.ok(out && relativeError(out, expected) < 0.01);
    small.dispose();
    model.dispose();
  });
});
