/** Rows: 4-bit weights and 4-bit palettes on the CIFAR networks. */

import { brotliCompressSync } from 'node:zlib';
import { loadModel } from 'whittle-nn';
import { accuracy } from './classifiers.mjs';
import { cifar } from './data.mjs';
import { percent, points, row } from './format.mjs';
import { apply, modelBytes } from './models.mjs';
import { FOUR_BITS, PALETTE } from './recipes.mjs';

/** With the name of their scores and their preprocessing. */
const NETWORKS = [
  ['resnet8_cifar10', 'output', 'raw255'],
  ['resnet20_cifar10', 'logits', 'imagenet'],
  ['resnet56_cifar10', 'logits', 'imagenet'],
];

/** Float bytes of the weights of the layers that a report's steps touched. */
async function weightBytes(bytes, { steps }) {
  const names = new Set(steps.flatMap((step) => step.details.map((layer) => layer.name)));
  const model = await loadModel(new Uint8Array(bytes));
  try {
    const { layers } = await model.summary();
    return layers.reduce((sum, layer) => sum + (names.has(layer.name) ? layer.bytes : 0), 0);
  } finally {
    model.dispose();
  }
}

async function pointsLost(bytes, made, test, output) {
  return (await accuracy(bytes, test, output)) - (await accuracy(made.bytes, test, output));
}

export async function* narrowRows() {
  for (const [name, output, preset] of NETWORKS) {
    const calibration = cifar('cifar10-train-1000', preset);
    const test = cifar('cifar10-test-2000', preset);
    const bytes = modelBytes(name);
    const blocks = await apply(bytes, FOUR_BITS, calibration.data);
    const lost = await pointsLost(bytes, blocks, test, output);
    const weights = await weightBytes(bytes, blocks.report);
    const share = (blocks.bytes.length - (bytes.length - weights)) / weights;
    yield row(`${name}: top-1 lost, int4 blocks`, points(lost), 'at most 1 point', lost <= 1);
    yield row(
      `${name}: bytes of the int4 layers, of float`,
      percent(share),
      'at most 16 %',
      share <= 0.16,
    );
    const palette = await apply(bytes, PALETTE, calibration.data);
    const paletteLost = await pointsLost(bytes, palette, test, output);
    const brotli = brotliCompressSync(palette.bytes).length / bytes.length;
    yield row(
      `${name}: top-1 lost, 4-bit palette`,
      points(paletteLost),
      'at most 1 point',
      paletteLost <= 1,
    );
    yield row(
      `${name}: bytes of the 4-bit palette's file after brotli, of float`,
      `${percent(brotli)} (${percent(palette.bytes.length / bytes.length)} before)`,
      'at most 15 %',
      brotli <= 0.15,
    );
  }
}
