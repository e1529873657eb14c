/**
 * The quality that compression keeps, on real models and data, against its targets and beside
 * onnxruntime.quantization.
 *
 *   npm run bench -- quality                     every family (about 25 minutes)
 *   npm run bench -- quality detectors           families whose name contains a word
 *   npm run bench -- quality --write             the rows at hand as docs/quality.md
 *   npm run bench -- quality --fresh             without what earlier runs left in the cache
 *
 * WHITTLE_ASSETS names the folder of models and data; WHITTLE_PYTHON an interpreter with onnx and
 * onnxruntime (else one is set up in a virtual environment).
 */

import { existsSync } from 'node:fs';
import { cifarRows, photoRows } from './classifiers.mjs';
import { assets } from './data.mjs';
import { detectorRows } from './detectors.mjs';
import { emptyCache } from './cache.mjs';
import { MIXED, mixedRows } from './mixed.mjs';
import { narrowRows } from './narrow.mjs';
import { perTensorRows } from './per_tensor.mjs';
import {
  EQUALIZED_PER_TENSOR,
  FOUR_BITS,
  NARROW_WEIGHTS,
  PALETTE,
  PLAIN,
  STATIC,
} from './recipes.mjs';
import { keepRows, printRow, writeDocument } from './table.mjs';
import { recurrentRows } from './recurrent.mjs';
import { sameSettingsRows } from './same_settings.mjs';
import { sizeRows } from './sizes.mjs';

/** In the order of the table: [word, title, rows, the steps they come from]. */
export const FAMILIES = [
  ['cifar', 'CIFAR-10 classifiers, static int8', cifarRows, STATIC],
  ['photos', 'ImageNet classifiers, static int8', photoRows, STATIC],
  ['detectors', 'Detectors, static int8', detectorRows, STATIC],
  ['recurrent', 'Recurrent networks, 8-bit weights', recurrentRows, NARROW_WEIGHTS],
  [
    'tensor',
    'Per-tensor weights, min-max, alone and equalized',
    perTensorRows,
    EQUALIZED_PER_TENSOR,
  ],
  ['narrow', '4-bit weights and palettes', narrowRows, [...FOUR_BITS, ...PALETTE]],
  ['mixed', 'A form for each layer', mixedRows, MIXED],
  ['same', 'The same settings as onnxruntime.quantization', sameSettingsRows, PLAIN],
  ['sizes', 'Sizes of int8 files', sizeRows, PLAIN],
];

export async function run(options) {
  if (!assets || !existsSync(assets)) {
    console.log('skipped: no assets (WHITTLE_ASSETS names their folder)');
    return;
  }
  if (options.includes('--fresh')) emptyCache();
  const words = options.filter((option) => !option.startsWith('--'));
  const unknown = words.find((word) => !FAMILIES.some(([name]) => name.includes(word)));
  if (unknown !== undefined)
    throw new RangeError(
      `Expected one of ${FAMILIES.map(([name]) => name).join(', ')} but received ${unknown}`,
    );
  for (const [name, title, rows, recipe] of FAMILIES) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    console.log(`\n${title}`);
    const start = performance.now();
    try {
      const all = [];
      for await (const row of rows()) {
        printRow(row);
        all.push(row);
      }
      keepRows(name, JSON.stringify(recipe), all);
    } catch (error) {
      console.error(`  failed: ${error.message}`);
      process.exitCode = 1;
    }
    console.log(`  (${((performance.now() - start) / 1000).toFixed(0)} s)`);
  }
  if (options.includes('--write')) writeDocument(FAMILIES);
}
