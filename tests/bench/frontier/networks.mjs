/**
 * The networks of the frontier: what calibrates them, and `measure`, from the outputs of a file and
 * those of the original to a quality: {text, quality, kept}. `quality` orders files of one network;
 * `kept` is false where it has fallen off.
 */

import { digits } from 'whittle-digits';
import { centreCrops, cifar, inBatches, limit, named, photos, speech } from '../quality/data.mjs';
import { compared, DETECTORS } from '../quality/detectors.mjs';
import { decibel, percent } from '../quality/format.mjs';
import { agreement, argmax, rowsOf, sqnrDb } from '../quality/metrics.mjs';
import { modelBytes, outputsOf, withRuns } from '../quality/models.mjs';
import { magnitudes } from '../quality/recurrent.mjs';
import { keywords, spectra } from './audio.mjs';
import { HALF } from './recipes.mjs';
import { readFileSync } from 'node:fs';

const worstOf = (all) => Math.min(...Object.values(all));
/** A share of right or equal answers may lose this much. */
const MOST_LOST = 0.02;
/** Regressions: noise at most a tenth of the signal in power. */
const LEAST_DB = 10;

/** Samples that are slow to make, made once. */
function held(data) {
  const samples = [...data()];
  return async function* () {
    yield* samples;
  };
}

/** Accuracy with labels. */
function labelled(bytes, test, output, classes) {
  const right = async (file) => {
    const logits = rowsOf(await outputsOf(file, test.data), output, classes);
    return logits.filter((row, i) => argmax(row) === test.labels[i]).length / test.labels.length;
  };
  const before = right(bytes);
  return async (file) => {
    const [original, share] = [await before, await right(file)];
    const db = worstOf(sqnrDb(await outputsOf(bytes, test.data), await outputsOf(file, test.data)));
    const text = `${percent(share)} right of ${percent(original)}; ${decibel(db)}`;
    return { text, quality: share, kept: original - share <= MOST_LOST };
  };
}

/** The same answer as the float model. */
function agreeing(bytes, test, output, classes) {
  return async (file) => {
    const [expected, actual] = [await outputsOf(bytes, test), await outputsOf(file, test)];
    const [a, b] = [expected, actual].map((all) => rowsOf(all, output, classes).map(argmax));
    const { share } = agreement(a, b);
    const text = `${percent(share)} same top-1; ${decibel(worstOf(sqnrDb(expected, actual)))}`;
    return { text, quality: share, kept: 1 - share <= MOST_LOST };
  };
}

function cifarNetwork(name) {
  const test = cifar('cifar10-test-2000');
  const bytes = modelBytes(name);
  const some = { data: inBatches(limit(test.data, 1000), 50), labels: test.labels.slice(0, 1000) };
  return {
    bytes,
    calibration: limit(cifar('cifar10-train-1000').data, 96),
    measure: labelled(bytes, some, 'logits', 10),
  };
}

function photoNetwork(name, input, output) {
  const settings = { name: input, preset: 'imagenet', size: [224, 224] };
  const bytes = modelBytes(name);
  const centre = { crop: 'center', ...settings };
  return {
    bytes,
    calibration: limit(centreCrops(settings), 48),
    measure: agreeing(bytes, photos('test', 'whole', centre), output, 1000),
  };
}

function detector(name) {
  const found = DETECTORS.find((one) => one.name === name);
  const bytes = modelBytes(name);
  const test = photos('test', 'whole', found.input);
  return {
    bytes,
    calibration: limit(photos('calibration', 'whole', found.input), 48),
    measure: async (file) => {
      const result = await compared(found, await outputsOf(bytes, test), file, test);
      const share = result.kept / result.count;
      const text = `${percent(share)} of ${result.count} boxes kept; ${decibel(result.sqnr)}`;
      return { text, quality: share, kept: 1 - share <= MOST_LOST };
    },
  };
}

function digitNetwork() {
  const bytes = readFileSync(new URL(import.meta.resolve('whittle-digits/digits.onnx')));
  const samples = [...digits('test', 2000)()];
  const labels = samples.map(({ label }) => label);
  const data = named('digits-test', async function* () {
    for (const { feeds } of samples) yield { feeds };
  });
  return {
    bytes,
    more: [HALF],
    calibration: held(digits('calibration', 256)),
    measure: labelled(bytes, { data: inBatches(data, 50), labels }, 'logits', 10),
  };
}

function keywordNetwork() {
  const bytes = modelBytes('kws_dscnn');
  const test = keywords('test');
  return {
    bytes,
    calibration: keywords('calibration').data,
    measure: labelled(bytes, test, 'output', 12),
  };
}

function machineNetwork() {
  const bytes = modelBytes('ad01_toycar');
  const test = spectra('test', 'input');
  return {
    bytes,
    calibration: spectra('calibration', 'input'),
    measure: async (file) => {
      const db = worstOf(sqnrDb(await outputsOf(bytes, test), await outputsOf(file, test)));
      return { text: decibel(db), quality: db, kept: db >= LEAST_DB };
    },
  };
}

const FRAME = 512;
const STEP = 128;

/** Walks over speech with the state carried on: [feeds, outputs]. */
function* noiseFrames(run, begin, end) {
  const samples = speech();
  let state = { type: 'float32', dims: [1, 2, 128, 2], data: new Float32Array(512) };
  for (let start = begin; start + FRAME <= end; start += STEP) {
    const data = magnitudes(samples.subarray(start, start + FRAME));
    const feeds = { input_2: { type: 'float32', dims: [1, 1, 257], data }, input_3: state };
    const outputs = run(feeds);
    state = outputs.tf_op_layer_stack_2;
    yield [feeds, outputs];
  }
}

/** Seconds of speech that calibrate, and that test. */
const HEARD = [0, 8, 16].map((seconds) => seconds * 16000);

function noiseNetwork() {
  const bytes = modelBytes('dtln_1');
  const masks = (file) =>
    withRuns(file, (run) =>
      Array.from(noiseFrames(run, HEARD[1], HEARD[2]), ([, { activation_2: mask }]) => ({
        mask: mask.data,
      })),
    );
  const expected = masks(bytes);
  return {
    bytes,
    recurrent: true,
    // Every fourth frame, with the states the float model has there.
    calibration: named('noise-calibration', async function* () {
      const all = await withRuns(bytes, (run) =>
        Array.from(noiseFrames(run, HEARD[0], HEARD[1]), ([feeds]) => ({ feeds })),
      );
      yield* all.filter((_, i) => i % 4 === 0);
    }),
    measure: async (file) => {
      const db = sqnrDb(await expected, await masks(file)).mask;
      return { text: decibel(db), quality: db, kept: db >= LEAST_DB };
    },
  };
}

/** By name; made when they are asked for, as that reads their data. */
export const NETWORKS = {
  digits: digitNetwork,
  resnet20_cifar10: () => cifarNetwork('resnet20_cifar10'),
  resnet56_cifar10: () => cifarNetwork('resnet56_cifar10'),
  mobilenetv2: () => photoNetwork('mobilenetv2', 'input', 'output'),
  'squeezenet1.1': () => photoNetwork('squeezenet1.1', 'data', 'logits'),
  ultraface_rfb_320: () => detector('ultraface_rfb_320'),
  kws_dscnn: keywordNetwork,
  ad01_toycar: machineNetwork,
  dtln_1: noiseNetwork,
};
