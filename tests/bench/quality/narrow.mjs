/** Rows: 4-bit weights and 4-bit palettes on the CIFAR networks. */

import { brotliCompressSync } from 'node:zlib';
import { loadModel } from 'whittle-nn';
import { accuracy } from './classifiers.mjs';
import { cifar } from './data.mjs';
import { percent, points, row } from './format.mjs';
import { apply, modelBytes } from './models.mjs';
import { FOUR_BITS, PALETTE } from './recipes.mjs';

const NETWORKS = ['resnet20_cifar10', 'resnet56_cifar10'];

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

async function pointsLost(bytes, made, test) {
  return (await accuracy(bytes, test)) - (await accuracy(made.bytes, test));
}

export async function* narrowRows() {
  const [calibration, test] = [cifar('cifar10-train-1000'), cifar('cifar10-test-2000')];
  for (const name of NETWORKS) {
    const bytes = modelBytes(name);
    const blocks = await apply(bytes, FOUR_BITS, calibration.data);
    const lost = await pointsLost(bytes, blocks, test);
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
    const paletteLost = await pointsLost(bytes, palette, test);
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
