/** Models as bytes: compressing them, running them over data. */

import { readFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { compress, configure, createSession, loadModel } from 'whittle-nn';
import { cached, digest } from './cache.mjs';
import { asset } from './data.mjs';

configure({ worker: false, threads: 1 });

export const modelBytes = (name) => readFileSync(asset('models', `${name}.onnx`));

async function withModel(bytes, use) {
  const model = await loadModel(new Uint8Array(bytes));
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** The model as the library writes it back: the float file both quantizers start from. */
export const rewritten = (bytes) => withModel(bytes, (model) => model.toBytes());

/** Applies a recipe's steps: {bytes, report}. Samples are read for calibration only. */
export function apply(bytes, steps, calibration) {
  return withModel(bytes, async (model) => {
    const made = await compress(
      model,
      { whittle: 1, seed: 1, steps },
      { ...(calibration ? { calibration } : {}), force: true, keep: true },
    );
    try {
      return { bytes: await made.model.toBytes(), report: made.report };
    } finally {
      made.model.dispose();
    }
  });
}

/** What a report says stayed float of a static recipe, as a table shows it; "" where nothing did. */
export function floatPart({ steps }) {
  const share = steps.find(({ facts }) => facts?.fallback)?.facts.fallback.macsShare ?? 0;
  return share > 0 ? `, ${(100 * share).toFixed(1)} % of the arithmetic in float` : '';
}

/** Runs `step(run)` with a function from feeds to outputs. */
export function withRuns(bytes, step) {
  return withModel(bytes, async (model) => {
    const session = await createSession(model);
    try {
      return await step((feeds) => session.runSync(feeds));
    } finally {
      await session.dispose();
    }
  });
}

/** The float outputs over the data: [{name: Float32Array}], a sample each. */
export async function outputsOf(bytes, data) {
  const held = await cached(`outputs-${digest(bytes, data.id)}`, () =>
    withRuns(bytes, async (run) => {
      const all = [];
      for await (const { feeds } of data()) {
        const outputs = Object.entries(run(feeds)).filter(([, { type }]) => type === 'float32');
        all.push(Object.fromEntries(outputs.map(([name, tensor]) => [name, tensor.data])));
      }
      return serialize(all);
    }),
  );
  return deserialize(held);
}
