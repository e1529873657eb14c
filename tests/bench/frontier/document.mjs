/** Rows on the console and as docs/frontier.md. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder } from '../quality/cache.mjs';
import { percent } from '../quality/format.mjs';
import { NETWORKS } from './networks.mjs';

const INTRODUCTION = `# How far it gets without training

Measured by \`npm run bench -- frontier --write\`, which wrote this page, on published weights and data.
Every technique goes from mild to strong until the network falls off: two points of accuracy, two in a
hundred answers or boxes, or, of regressions, noise above a tenth of the signal. The first rung that
fell off is listed too. Then the strongest rungs that held are put together, and made int8.

Bytes are the file's, and those of the file after brotli (quality 9), as shares of the original's;
multiply-accumulates likewise, zeros counted as any number. **Bold**: held, and nothing listed that held
is better in bytes after brotli, multiply-accumulates and quality at once. 48 photographs, 96 images of
CIFAR-10, 256 digits, 90 words or 8 s of speech calibrate;
accuracy is of other samples: 2,000 digits, 1,000 images of CIFAR-10, 60 words. For the ImageNet
classifiers and the face detector, 100 photographs tell how often the answer is still the float model's.
\`ad01_toycar\` was trained on sounds of machines and gets spectra of speech: its rows say what becomes of
its arithmetic, not of its task. Networks missing here, and rows missing of the last combinations of
one, have not been measured yet.
`;

const options = ({ technique, ...rest }) => {
  const shown = Object.entries(rest).filter(
    ([key]) => !['multiple', 'minChannels', 'starts', 'ridge', 'samples'].includes(key),
  );
  const values = shown.map(([key, value]) => (value === true ? key : `${key} ${value}`));
  return values.length > 0 ? `${technique} (${values.join(', ')})` : technique;
};
const INT8 = 'equalize, quantize-static, bias-correct';

/** A recipe in a line. */
export function nameOf(steps) {
  const quantized = steps.at(-1).technique === 'bias-correct' ? steps.slice(0, -3) : steps;
  const parts = quantized.map(options);
  if (quantized !== steps) parts.push('int8');
  return parts.join(' + ');
}

export function printRow({ steps, failed, bytes, brotli, macs, text, kept, seconds }) {
  const line = failed
    ? `failed: ${failed}`
    : `${percent(bytes)} bytes, ${percent(brotli)} after brotli, ${percent(macs)} MACs; ${text}` +
      `${kept ? '' : ', FALLEN OFF'} (${seconds.toFixed(0)} s)`;
  console.log(`  ${nameOf(steps)}\n    ${line}`);
}

const file = (name) => join(folder, `frontier-${name}.json`);
export const keepRows = (name, rows) => writeFileSync(file(name), JSON.stringify(rows));

const dominates = (a, b) =>
  a.kept &&
  a.brotli <= b.brotli &&
  a.macs <= b.macs &&
  a.quality >= b.quality &&
  (a.brotli < b.brotli || a.macs < b.macs || a.quality > b.quality);

function line(row, rows) {
  if (row.failed) return `| ${nameOf(row.steps)} | | | | ${row.failed} |`;
  const best = row.kept && !rows.some((other) => dominates(other, row));
  const name = best ? `**${nameOf(row.steps)}**` : nameOf(row.steps);
  const quality = row.kept ? row.text : `${row.text}: fallen off`;
  const shares = [row.bytes, row.brotli, row.macs].map((share) => percent(share));
  return `| ${[name, ...shares, quality].join(' | ')} |`;
}

export function writeDocument() {
  const parts = [INTRODUCTION, `\n\`int8\` stands for ${INT8}.\n`];
  for (const name of Object.keys(NETWORKS)) {
    if (!existsSync(file(name))) continue;
    const rows = JSON.parse(readFileSync(file(name), 'utf8'));
    parts.push(
      `\n## ${name}\n\n| steps | bytes | brotli | MACs | quality |\n| --- | --- | --- | --- | --- |\n`,
      `${rows.map((row) => line(row, rows)).join('\n')}\n`,
    );
  }
  writeFileSync(new URL('../../../docs/frontier.md', import.meta.url), parts.join(''));
}
