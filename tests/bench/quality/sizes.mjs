/** Rows: bytes of the int8 file of every model. */

import { readdirSync } from 'node:fs';
import { loadModel } from 'whittle-nn';
import { feedsFor } from '../../web/support/feeds.ts';
import { asset } from './data.mjs';
import { percent, row } from './format.mjs';
import { apply, modelBytes } from './models.mjs';
import { NARROW_WEIGHTS } from './recipes.mjs';

const LARGE_BYTES = 4 << 20;
const CHANNEL_BYTES = 12;
const NODE_BYTES = 300;

async function summaryOf(bytes, shapes) {
  const model = await loadModel(new Uint8Array(bytes));
  try {
    return await model.summary(shapes);
  } finally {
    model.dispose();
  }
}

/** Sizes do not hang on the data: made-up samples calibrate. */
async function samplesFor(name, bytes) {
  const model = await loadModel(new Uint8Array(bytes));
  const feeds = feedsFor(`${name}.onnx`, model.inputs, 1);
  model.dispose();
  return [{ feeds }];
}

/** Static where a network has convolutions or matrix products outside of recurrent layers. */
const stepsFor = ({ operators }) =>
  operators.LSTM || operators.GRU ? NARROW_WEIGHTS : [{ technique: 'quantize-static' }];

/** The layers a report's explicit recipe names; all that hold weights where it names none. */
function touchedLayers({ recipe, steps }, { layers }) {
  const rules = recipe.steps.flatMap((step) => step.layers ?? []);
  if (rules.length > 0) return new Set(rules.map(({ name }) => name));
  const any = steps.some((step) => step.kept && step.layers.touched > 0);
  return new Set(any ? layers.map(({ name }) => name) : []);
}

/** Rows of a layer's weights that have a scale each: gates of W and R for recurrent layers. */
function channelsOf({ op, shape }) {
  const dims = (shape.match(/[^[\],]+/g) ?? []).map(Number);
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op];
  if (gates) return 2 * gates * dims[1] * dims.at(-1);
  return (op.startsWith('Conv') ? dims[1] : dims.at(-1)) || 0;
}

/**
 * 1 byte a weight, 12 a channel and 300 a quantized node: a layer, or another node whose output is
 * quantized. What stayed float keeps its bytes.
 */
function boundOf({ layers }, touched, { operators }) {
  let bound = NODE_BYTES * Math.max(touched.size, operators.QuantizeLinear ?? 0);
  for (const layer of layers) {
    bound += touched.has(layer.name)
      ? layer.parameters + CHANNEL_BYTES * channelsOf(layer)
      : layer.bytes;
  }
  return bound;
}

export async function* sizeRows() {
  const names = readdirSync(asset('models')).map((file) => file.replace(/\.onnx$/, ''));
  for (const name of names.sort()) {
    const bytes = modelBytes(name);
    const samples = await samplesFor(name, bytes);
    const shapes = Object.fromEntries(
      Object.entries(samples[0].feeds).map(([input, { dims }]) => [input, dims]),
    );
    const before = await summaryOf(bytes, shapes);
    let made;
    try {
      made = await apply(bytes, stepsFor(before), samples);
    } catch (error) {
      yield row(`${name}: int8 file`, error.message.split('\n')[0].slice(0, 80), '', null);
      continue;
    }
    const touched = touchedLayers(made.report, before);
    if (touched.size === 0) {
      yield row(`${name}: int8 file`, 'no layer can be integer', '', null);
      continue;
    }
    const large = bytes.length > LARGE_BYTES;
    const bound = large
      ? 0.275 * bytes.length
      : boundOf(before, touched, await summaryOf(made.bytes, shapes));
    const size = made.bytes.length;
    yield row(
      `${name}: int8 file (${touched.size} layers)`,
      `${size} bytes, ${percent(size / bytes.length)} of float`,
      large ? 'at most 27.5 %' : `at most ${bound}`,
      size <= bound,
    );
  }
}
