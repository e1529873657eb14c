/** Runs inside Chromium: window.bench(address of a model, feeds) -> medians by contender. */

import { ours } from './ours.mjs';
import { onnxruntimeWeb } from './onnxruntime_web.mjs';

const SAMPLES = 15;
const SAMPLE_MS = 8;
/** Outputs must agree to this share of their range before anything is timed. */
const AGREE = 0.02;

const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
};

function restore(feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => [
      name,
      {
        type,
        dims,
        data: type === 'int64' ? BigInt64Array.from(data, BigInt) : new ARRAYS[type](data),
      },
    ]),
  );
}

function differs(a, b) {
  let worst = 0;
  for (const [name, expected] of Object.entries(b)) {
    const actual = a[name];
    let [low, high] = [Infinity, -Infinity];
    let difference = 0;
    for (let i = 0; i < expected.length; i++) {
      const value = Number(expected[i]);
      [low, high] = [Math.min(low, value), Math.max(high, value)];
      difference = Math.max(difference, Math.abs(Number(actual[i]) - value));
    }
    worst = Math.max(worst, difference / Math.max(high - low, Math.abs(high), 1e-6));
  }
  return worst;
}

async function sample(contender, repeats) {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await contender.run();
  return (performance.now() - start) / repeats;
}

function statistics(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1],
    min: sorted[0],
    max: sorted.at(-1),
    samples: sorted.length,
  };
}

window.bench = async (address, plain) => {
  const feeds = restore(plain);
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const contenders = [...(await ours(bytes, feeds))];
  let note = '';
  try {
    contenders.push(await onnxruntimeWeb(bytes, feeds));
  } catch (error) {
    note = `onnxruntime-web: ${String(error).slice(0, 60)}`;
  }
  const outputs = [];
  for (const contender of contenders) outputs.push(await contender.run());
  const reference = outputs.at(-1);
  for (const [i, contender] of contenders.entries()) {
    const error = differs(outputs[i], reference);
    if (!(error < AGREE))
      return { error: `${contender.name} differs by ${error.toPrecision(3)}: not timed` };
  }
  const repeats = [];
  for (const contender of contenders) {
    await sample(contender, 2);
    repeats.push(Math.max(1, Math.ceil(SAMPLE_MS / Math.max(await sample(contender, 1), 0.01))));
  }
  const taken = contenders.map(() => []);
  for (let i = 0; i < SAMPLES; i++) {
    for (const [k, contender] of contenders.entries())
      taken[k].push(await sample(contender, repeats[k]));
  }
  const named = contenders.map((contender, k) => [contender.name, statistics(taken[k])]);
  return { contenders: Object.fromEntries(named), note };
};
