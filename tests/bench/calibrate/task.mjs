/**
 * What calibration costs: the time quantize-static takes for its samples, beside running the float
 * model on as many with everything fused, and how much the process grows meanwhile.
 *
 *   npm run bench -- calibrate                    100 inputs 224x224 through mobilenetv2
 *   npm run bench -- calibrate squeezenet1.1 500  another model of WHITTLE_ASSETS, more inputs
 */

import { join } from 'node:path';
import { compress, createSession, loadModel } from 'whittle-nn';
import { feedsFor } from '../../web/support/feeds.ts';

const CALIBRATORS = ['minmax', 'average', 'percentile', 'entropy', 'mse', 'auto'];
/** Different inputs kept in memory; a pass goes round them. */
const DIFFERENT = 10;
/** Inputs before the clock starts: plans, buffers and the JIT compiler are warm then. */
const WARM = 5;

/** Milliseconds per input of running the float model. */
async function timeRuns(model, samples, count) {
  const session = await createSession(model);
  let started = 0;
  for (let i = 0; i < count + WARM; ++i) {
    if (i === WARM) started = performance.now();
    await session.run(samples[i % samples.length]);
  }
  const took = performance.now() - started;
  await session.dispose();
  return took / count;
}

/** Milliseconds per input of calibrating, choosing ranges, and how many MB the process grew. */
async function timeCalibration(model, samples, calibrator, count) {
  const at = {};
  const memory = {};
  await compress(
    model,
    {
      whittle: 1,
      steps: [{ technique: 'quantize-static', calibrator, samples: 0, keep: true }],
    },
    {
      keep: true,
      calibration: function* () {
        for (let i = 0; i < count + WARM; ++i) {
          if (i === WARM) {
            at.started = performance.now();
            memory.before = process.memoryUsage().rss;
          }
          yield { feeds: samples[i % samples.length] };
        }
        at.ended = performance.now();
        memory.after = process.memoryUsage().rss;
      },
      onProgress: ({ stage }) => {
        if (stage === 'quantize weights') at.chosen ??= performance.now();
      },
    },
  );
  return {
    run: (at.ended - at.started) / count,
    choose: at.chosen - at.ended,
    grown: (memory.after - memory.before) / 2 ** 20,
  };
}

export async function run(options) {
  const name = options.find((word) => !/^\d+$/.test(word)) ?? 'mobilenetv2';
  const count = Number(options.find((word) => /^\d+$/.test(word)) ?? 100);
  if (!process.env.WHITTLE_ASSETS) throw new Error('Expected WHITTLE_ASSETS, a folder of models');
  const file = join(process.env.WHITTLE_ASSETS, 'models', `${name}.onnx`);
  const model = await loadModel(file);
  const samples = Array.from({ length: DIFFERENT }, (_, i) => feedsFor(file, model.inputs, i + 1));
  console.log(`${name}, ${count} inputs: ms an input, ratio to running, ranges ms, MB grown`);
  for (const calibrator of CALIBRATORS) {
    // In turn, so that what else the machine does falls on both.
    const before = await timeRuns(model, samples, count);
    const { run: took, choose, grown } = await timeCalibration(model, samples, calibrator, count);
    const after = await timeRuns(model, samples, count);
    const plain = (before + after) / 2;
    const cells = [
      plain.toFixed(1),
      took.toFixed(1),
      (took / plain).toFixed(2),
      choose.toFixed(0),
      grown.toFixed(0),
    ];
    console.log(`${calibrator.padEnd(12)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
  model.dispose();
}
