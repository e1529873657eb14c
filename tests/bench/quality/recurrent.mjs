/** Rows: recurrent networks with 8-bit weights, state carried from chunk to chunk. */

import { readFileSync } from 'node:fs';
import { asset, speech } from './data.mjs';
import { decibel, row, small } from './format.mjs';
import { sqnrDb } from './metrics.mjs';
import { apply, modelBytes, withRuns } from './models.mjs';
import { NARROW_WEIGHTS } from './recipes.mjs';

const float32 = (dims, data) => ({ type: 'float32', dims, data });
const zeros = (dims) =>
  float32(dims, new Float32Array(dims.reduce((product, dim) => product * dim, 1)));

/** Speech probability of each chunk of 512 samples, 64 of context before it. */
function speechProbabilities(run) {
  const samples = speech();
  const found = [];
  let state = zeros([2, 1, 128]);
  for (let start = 64; start + 512 <= samples.length; start += 512) {
    const outputs = run({
      input: float32([1, 576], samples.slice(start - 64, start + 512)),
      state,
      sr: { type: 'int64', dims: [], data: BigInt64Array.of(16000n) },
    });
    state = outputs.stateN;
    found.push({ output: outputs.output.data });
  }
  return found;
}

const FRAME = 512;
const STEP = 128;

/** Magnitudes of a frame's first 257 frequencies, by the definition of the discrete transform. */
const COSINES = Float64Array.from({ length: FRAME }, (_, i) => Math.cos((2 * Math.PI * i) / FRAME));
export function magnitudes(frame) {
  return Float32Array.from({ length: FRAME / 2 + 1 }, (_, k) => {
    let [real, imaginary] = [0, 0];
    for (let n = 0; n < FRAME; n++) {
      const turn = (k * n) % FRAME;
      real += frame[n] * COSINES[turn];
      imaginary -= frame[n] * COSINES[(turn + FRAME - FRAME / 4) % FRAME];
    }
    return Math.hypot(real, imaginary);
  });
}

/** The noise mask of each frame of 512 samples, every 128. */
function noiseMasks(run) {
  const samples = speech();
  const found = [];
  let state = zeros([1, 2, 128, 2]);
  for (let start = 0; start + FRAME <= samples.length; start += STEP) {
    const outputs = run({
      input_2: float32([1, 1, 257], magnitudes(samples.subarray(start, start + FRAME))),
      input_3: state,
    });
    state = outputs.tf_op_layer_stack_2;
    found.push({ activation_2: outputs.activation_2.data, state: state.data });
  }
  return found;
}

const TEXT_BYTES = 256;
const TEXTS = 64;

/** Sentence boundaries of stretches of text. */
function boundaries(run) {
  const text = readFileSync(asset('datasets', 'tinyshakespeare.txt'));
  return Array.from({ length: TEXTS }, (_, i) => {
    const data = new Uint8Array(text.subarray(i * TEXT_BYTES, (i + 1) * TEXT_BYTES));
    const { output } = run({ input: { type: 'uint8', dims: [1, TEXT_BYTES], data } });
    return { output: output.data };
  });
}

async function both(name, walk) {
  const bytes = modelBytes(name);
  const made = await apply(bytes, NARROW_WEIGHTS);
  return [await withRuns(bytes, walk), await withRuns(made.bytes, walk)];
}

export async function* recurrentRows() {
  const [expected, actual] = await both('silero_vad_16k', speechProbabilities);
  const errors = expected.map(({ output }, i) => Math.abs(output[0] - actual[i].output[0]));
  const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
  yield row(
    `silero_vad_16k: mean error of the speech probability, ${errors.length} chunks`,
    `${small(mean)} (largest ${small(Math.max(...errors))})`,
    'at most 0.02',
    mean <= 0.02,
  );
  for (const [name, walk] of [
    ['dtln_1', noiseMasks],
    ['byte_bidi_lstm', boundaries],
  ]) {
    const all = sqnrDb(...(await both(name, walk)));
    for (const [output, value] of Object.entries(all))
      yield row(`${name}: SQNR of ${output}`, decibel(value), 'at least 25 dB', value >= 25);
  }
}
