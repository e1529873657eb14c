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

/** What the step did to each layer: {name, detail: {weights, channels}}. */
const detailsOf = ({ steps }) => steps.filter(({ kept }) => kept).flatMap(({ details }) => details);

/**
 * 1 byte a weight, 12 a channel and 300 for each of `nodes`. What stayed float keeps its bytes, also
 * inside of subgraphs.
 */
function boundOf({ layers, weightBytes }, details, nodes) {
  const known = new Map(layers.map((layer) => [layer.name, layer]));
  let bound = weightBytes + NODE_BYTES * nodes;
  for (const { name, detail } of details) {
    const before = known.get(name)?.bytes || 4 * detail.weights;
    bound += CHANNEL_BYTES * detail.channels + detail.weights - before;
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
    const details = detailsOf(made.report);
    if (details.length === 0) {
      yield row(`${name}: int8 file`, 'no layer can be integer', '', null);
      continue;
    }
    const size = made.bytes.length;
    const large = bytes.length > LARGE_BYTES;
    // A quantized node is a layer, or another node whose output is quantized.
    const { operators } = await summaryOf(made.bytes, shapes);
    const nodes = Math.max(details.length, operators.QuantizeLinear ?? 0);
    const bound = large ? 0.275 * bytes.length : boundOf(before, details, nodes);
    const strict = large ? bound : boundOf(before, details, details.length);
    yield row(
      `${name}: int8 file (${details.length} layers)`,
      `${size} bytes, ${percent(size / bytes.length)} of float${
        size <= bound && size > strict ? `; counting layers alone at most ${strict}` : ''
      }`,
      large ? 'at most 27.5 %' : `at most ${bound}`,
      size <= bound,
    );
  }
}
