/** Rows: mixed precision beside the plain steps of 8 and 4 bits, on samples the choice never saw. */

import { fidelity } from './classifiers.mjs';
import { centreCrops, cifar, inBatches, photos } from './data.mjs';
import { decibel, interval, percent, row, small } from './format.mjs';
import { apply, modelBytes, outputsOf } from './models.mjs';

export const MIXED = [
  { technique: 'mixed-precision', maxBytes: 0.25 },
  { technique: 'mixed-precision', maxBytes: 0.2 },
  { technique: 'mixed-precision', minAgreement: 0.99 },
];
const UNIFORM = [{ technique: 'quantize-weights' }, { technique: 'quantize-weights', bits: 4 }];

const PHOTOS = { name: 'input', preset: 'imagenet', size: [224, 224] };

const NETWORKS = [
  {
    name: 'resnet20_cifar10',
    output: 'logits',
    classes: 10,
    calibration: () => cifar('cifar10-train-1000').data,
    test: () => inBatches(cifar('cifar10-test-2000').data, 50),
  },
  {
    name: 'mobilenetv2',
    output: 'output',
    classes: 1000,
    calibration: () => centreCrops(PHOTOS),
    test: () => photos('test', 'ten-crops', PHOTOS),
  },
];

const shown = ({ share, agreement, sqnr, kl }) =>
  `${percent(share)} of the bytes, agreement ${interval(agreement)}, KL ${small(kl)}, ${decibel(sqnr)}`;

const named = ({ technique, ...options }) =>
  [technique, ...Object.entries(options).map(([key, value]) => `${key} ${value}`)].join(', ');

export async function* mixedRows() {
  for (const { name, output, classes, calibration, test } of NETWORKS) {
    const bytes = modelBytes(name);
    const expected = await outputsOf(bytes, test());
    const measure = async (step) => {
      const made = await apply(bytes, [step], calibration());
      const share = made.bytes.length / bytes.length;
      const found = await fidelity(expected, made.bytes, test(), output, classes);
      return { ...found, share, facts: made.report.steps[0].facts };
    };
    const uniform = [];
    for (const step of UNIFORM) {
      uniform.push(await measure(step));
      yield row(`${name}: ${named(step)}`, shown(uniform.at(-1)), '', null);
    }
    for (const step of MIXED) {
      const found = await measure(step);
      const { maxBytes } = step;
      const rivals = uniform.filter(({ share }) => maxBytes === undefined || share <= maxBytes);
      const best = Math.min(...rivals.map(({ kl }) => kl));
      yield maxBytes === undefined
        ? row(
            `${name}: ${named(step)}`,
            shown(found),
            'kept on the calibration samples',
            found.facts.result.kept,
          )
        : row(
            `${name}: ${named(step)}`,
            shown(found),
            `KL at most ${small(best)}, the best uniform step's of at most that size`,
            found.share <= maxBytes && found.kl <= best,
          );
    }
  }
}
