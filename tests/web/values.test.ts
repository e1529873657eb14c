// Values that are no tensors, and outputs fed back, through the library. The models of the first
// part are ONNX's own test cases (Debian: libonnx-testdata).
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createSession,
  loadModel,
  WhittleError,
  type Code,
  type Feeds,
  type NamedValues,
  type Tensor,
  type Value,
} from 'whittle-nn';
import { asset, digitsModel, skipWithoutAssets } from './support/assets.js';

const CASES = process.env['WHITTLE_ONNX_TESTDATA'] ?? '/usr/share/libonnx-testdata/data';

const hasCode =
  (code: Code) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WhittleError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };

const floats = (...values: number[]): Tensor => ({
  type: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
});
const int64s = (...values: number[]): Tensor => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});

const numbers = ({ data }: Tensor): number[] =>
  Array.from(data as ArrayLike<number | bigint>, Number);
const plain = (value: Value | undefined): unknown => {
  if (value === null || value === undefined) return value;
  return Array.isArray(value) ? value.map(numbers) : numbers(value as Tensor);
};

/** Runs a case's model on inputs in its order; the first output. */
async function runCase(name: string, inputs: readonly Feeds[string][]): Promise<unknown> {
  const model = await loadModel(join(CASES, 'node', name, 'model.onnx'));
  const session = await createSession(model);
  try {
    const feeds = Object.fromEntries(
      model.inputs.map((info, i): [string, Feeds[string]] => [info.name, inputs[i] ?? null]),
    );
    const results = await session.run<NamedValues>(feeds);
    return plain(results[model.outputs[0]?.name ?? '']);
  } finally {
    await session.dispose();
    model.dispose();
  }
}

const skip = existsSync(CASES) ? false : 'skipped: no libonnx-testdata';
describe('sequences and optionals', { skip }, () => {
  it('are arrays and null', async () => {
    const list = [int64s(1, 2), int64s(3)];
    assert.deepEqual(await runCase('test_sequence_insert_at_back', [list, int64s(10, 11, 12)]), [
      [1, 2],
      [3],
      [10, 11, 12],
    ]);
    const five = [1, 2, 3, 4, 5];
    assert.deepEqual(await runCase('test_identity_opt', [[floats(...five)]]), [five]);
    assert.deepEqual(
      await runCase('test_optional_get_element', [floats(1, 2, 3, 4)]),
      [1, 2, 3, 4],
    );
    assert.deepEqual(await runCase('test_optional_has_element', [floats(1, 2, 3, 4)]), [1]);
    assert.deepEqual(await runCase('test_optional_has_element_empty', [null]), [0]);
  });

  it('are told by the model', async () => {
    const model = await loadModel(join(CASES, 'node/test_identity_opt/model.onnx'));
    assert.deepEqual(model.inputs, [
      { name: 'opt_in', type: 'float32', dims: null, kind: 'optional sequence', elementDims: [5] },
    ]);
    model.dispose();
  });

  it('of the wrong type are errors', async () => {
    const insert = (value: Feeds[string]): Promise<unknown> =>
      runCase('test_sequence_insert_at_back', [value, int64s(1)]);
    await assert.rejects(insert(int64s(1)), hasCode('TYPE_MISMATCH'));
    await assert.rejects(insert([floats(1)]), hasCode('TYPE_MISMATCH'));
    await assert.rejects(insert(null), hasCode('TYPE_MISMATCH'));
  });
});

describe('outputs fed back', () => {
  const options = { state: { stateN: 'state' } };

  it('equal the loop by hand', { skip: skipWithoutAssets }, async () => {
    const model = await loadModel(asset('models/silero_vad_16k.onnx'));
    const byHand = await createSession(model);
    const fedBack = await createSession(model, options);
    const zeros: Tensor = { type: 'float32', dims: [2, 1, 128], data: new Float32Array(256) };
    const sr: Tensor = { type: 'int64', dims: [], data: BigInt64Array.of(16000n) };
    const speech = (step: number): Tensor => ({
      type: 'float32',
      dims: [1, 576],
      data: Float32Array.from({ length: 576 }, (_, i) => Math.sin(i * (step + 1) * 0.05)),
    });
    for (let round = 0; round < 2; round++) {
      let state = zeros;
      for (let step = 0; step < 5; step++) {
        const expected = await byHand.run({ input: speech(step), sr, state });
        const actual = await fedBack.run({ input: speech(step), sr });
        assert.deepEqual(Object.keys(actual), ['output']);
        assert.deepEqual(actual['output'], expected['output']);
        state = expected['stateN'] as Tensor;
      }
      await fedBack.resetState();
    }
    await byHand.dispose();
    await fedBack.dispose();
    model.dispose();
  });

  it('must exist', async () => {
    const model = await loadModel(digitsModel);
    const input = model.inputs[0]?.name ?? '';
    const output = model.outputs[0]?.name ?? '';
    const create = (state: Record<string, string>): Promise<unknown> =>
      createSession(model, { state });
    await assert.rejects(create({ nothing: input }), hasCode('UNKNOWN_OUTPUT'));
    await assert.rejects(create({ [output]: 'nothing' }), hasCode('UNKNOWN_INPUT'));
    await assert.rejects(create({ [output]: 1 as unknown as string }), hasCode('INVALID_OPTION'));
    model.dispose();
  });
});
