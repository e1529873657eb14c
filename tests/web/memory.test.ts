import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createSession, loadModel, type Progress } from 'whittle-nn';
import type { CreateWhittle, Result } from '../../web/src/engine/module.js';
import { root } from './support/assets.js';
import { onnxModel, type TestConstant } from './support/onnx.js';

const kWidth = 8;
/** Runs in a row of one shape: each change compiles a plan. */
const kSame = 8;

/** relu(x w), w doubling each column: y[i] = 2 max(x[i], 0). */
function doubling(location?: string): { model: Uint8Array; weights: Float32Array } {
  const weights = Float32Array.from({ length: kWidth * kWidth }, (_, i) =>
    i % (kWidth + 1) === 0 ? 2 : 0,
  );
  const w: TestConstant = {
    name: 'w',
    dims: [kWidth, kWidth],
    data: weights,
    ...(location === undefined ? {} : { location }),
  };
  const model = onnxModel(
    { name: 'x', dims: [-1, kWidth] },
    [
      { op: 'MatMul', name: 'product', inputs: ['x', 'w'] },
      { op: 'Relu', name: 'relu', inputs: ['product_out'] },
    ],
    [w],
    { name: 'relu_out', dims: [-1, kWidth] },
  );
  return { model, weights };
}

const samples = (batch: number): Float32Array =>
  Float32Array.from({ length: batch * kWidth }, (_, i) => (i % 7) - 3);

function must<T>(result: Result<T>): T {
  assert.ok(result.error === undefined, result.error?.message);
  return result.value as T;
}

describe('memory', () => {
  it('stays flat over 10,000 runs of 97 shapes', async () => {
    const path = join(root, 'web/dist/wasm/whittle-simd128');
    const glue = (await import(pathToFileURL(`${path}.mjs`).href)) as { default: CreateWhittle };
    const module = await glue.default({ wasmBinary: await readFile(`${path}.wasm`) });
    const { model } = doubling();
    const file = new module.FileBuffer(model.length);
    file.append(model);
    const options = { tier: '', profile: false, state: {} };
    const handle = must(module.openModel(file, 'doubling', {}));
    const session = must(module.createSession(handle, options));
    let settled = 0;
    let arena = 0;
    for (let i = 0; i < 10_000; ++i) {
      const batch = 1 + ((Math.floor(i / kSame) * 37) % 97);
      const data = samples(batch);
      const x = { type: 'float32' as const, dims: [batch, kWidth], data };
      const { relu_out: y } = must(session.run({ x }, [])) as Record<string, typeof x>;
      if (i % 500 === 0) {
        assert.deepEqual(
          y?.data,
          data.map((value) => Math.max(2 * value, 0)),
        );
      }
      if (i === 1_000) {
        settled = module.heapBytes();
        arena = session.memory().arena;
      }
    }
    assert.equal(module.heapBytes(), settled);
    assert.ok(session.memory().arena <= 4 * arena);
    session.delete();
    handle.delete();
  });

  it('holds external data once, read with progress to the last byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'whittle-external-'));
    const { model: bytes, weights } = doubling('weights.bin');
    await writeFile(join(folder, 'model.onnx'), bytes);
    await writeFile(join(folder, 'weights.bin'), weights);
    const last = new Map<string, Progress>();
    const model = await loadModel(join(folder, 'model.onnx'), {
      onProgress: (progress) => last.set(progress.stage, progress),
    });
    const { done, total } = last.get('load weights.bin') as Progress;
    assert.deepEqual([done, total], [weights.byteLength, weights.byteLength]);
    const session = await createSession(model);
    const x = samples(2);
    const { relu_out: y } = await session.run({ x });
    assert.deepEqual(
      y?.data,
      x.map((value) => Math.max(2 * value, 0)),
    );
    await session.dispose();
    model.dispose();
    await rm(folder, { recursive: true });
  });
});
