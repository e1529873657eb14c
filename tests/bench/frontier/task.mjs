/**
 * How far pruning and factorization get without training, each technique alone and combined.
 *
 *   npm run bench -- frontier                    every network (about half an hour)
 *   npm run bench -- frontier resnet20 digits    those whose name contains a word
 *   npm run bench -- frontier --write            the rows at hand as docs/frontier.md
 *
 * WHITTLE_ASSETS names the folder of models and data.
 */

import { existsSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';
import { assets } from '../quality/data.mjs';
import { apply } from '../quality/models.mjs';
import { keepRows, printRow, writeDocument } from './document.mjs';
import { NETWORKS } from './networks.mjs';
import { combinations, CONTROLS, integers, LADDERS } from './recipes.mjs';

const brotli = (bytes) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }).length;

/** A row, or undefined where a step changed nothing. */
async function tried(network, steps) {
  const start = performance.now();
  const kept = steps.map((step) => ({ ...step, keep: true }));
  const made = await apply(network.bytes, kept, network.calibration);
  const seconds = (performance.now() - start) / 1000;
  const { original, compressed, steps: reports } = made.report;
  if (reports.some(({ layers, technique }) => layers.touched === 0 && !PREPARES.has(technique)))
    return undefined;
  return {
    steps,
    bytes: made.bytes.length / network.bytes.length,
    brotli: brotli(made.bytes) / brotli(network.bytes),
    macs: compressed.macs / original.macs,
    seconds,
    ...(await network.measure(made.bytes)),
  };
}

/** Steps that may find nothing to do. */
const PREPARES = new Set(['equalize', 'bias-correct']);

async function attempted(network, steps) {
  try {
    return await tried(network, steps);
  } catch (error) {
    return { steps, failed: error.message.split('\n')[0] };
  }
}

/** From the middle of a ladder upwards until it falls off, or downwards until it holds. */
async function* climb(network, ladder) {
  const middle = ladder.length >> 1;
  for (let at = middle; at < ladder.length; at++) {
    const row = await attempted(network, ladder[at]);
    if (!row) continue;
    yield row;
    if (row.kept) continue;
    if (at > middle) return;
    for (let below = middle - 1; below >= 0; below--) {
      const milder = await attempted(network, ladder[below]);
      if (milder) yield milder;
      if (milder?.kept) return;
    }
    return;
  }
}

/** All rows of a network, as they come. */
async function* rowsOf(network) {
  const held = {};
  for (const [name, ladder] of Object.entries({ ...LADDERS, ...CONTROLS })) {
    for await (const row of climb(network, ladder)) {
      yield row;
      if (row.kept && name in LADDERS && !(held[name]?.macs < row.macs)) held[name] = row;
    }
  }
  const { recurrent, more = [] } = network;
  for (const steps of [integers(recurrent), ...combinations(held, recurrent), ...more]) {
    const row = await attempted(network, steps);
    if (row) yield row;
  }
}

export async function run(options) {
  if (!assets || !existsSync(assets)) {
    console.log('skipped: no assets (WHITTLE_ASSETS names their folder)');
    return;
  }
  const words = options.filter((option) => !option.startsWith('--'));
  const chosen = Object.entries(NETWORKS).filter(
    ([name]) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  for (const [name, make] of chosen) {
    const network = make();
    console.log(`\n${name}: ${(await network.measure(network.bytes)).text}`);
    const rows = [];
    for await (const row of rowsOf(network)) {
      printRow(row);
      rows.push(row);
      keepRows(name, rows);
    }
  }
  if (options.includes('--write')) writeDocument();
}
