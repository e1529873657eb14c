/** Rows on the console and as docs/quality.md. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder } from './cache.mjs';

const MET = new Map([
  [true, 'met'],
  [false, 'MISSED'],
  [null, ''],
]);

export function printRow({ what, value, bound, met, peer }) {
  const parts = [value, bound && `bound ${bound}`, MET.get(met), peer && `onnxruntime: ${peer}`];
  console.log(`  ${what}\n    ${parts.filter(Boolean).join('; ')}`);
}

const file = (name) => join(folder, `rows-${name}.json`);

/** Families run apart, on one machine, make one document. */
export const keepRows = (name, recipe, rows) =>
  writeFileSync(file(name), JSON.stringify({ recipe, rows }));

const INTRODUCTION = `# What compression keeps

Measured by \`npm run bench -- quality --write\`, which wrote this page, on published weights and data.
Files are run by Whittle's runtime, onnxruntime's too, so that only the quantizers differ. Its column
is \`onnxruntime.quantization\` (static, min-max, per channel, unsigned 8-bit activations, after its own
preprocessing) on the same float file and the same preprocessed samples. Photographs: every second of
200 calibrates, the other hundred test. Text is drawn on them (\`tests/bench/quality/signs.mjs\`) where a
row says so: photographs hold hardly any. What stays float is stated, as the share of the
multiply-accumulates; the target allows the last layers of a detector's heads up to 5 %, the recipe
spends up to 10 % where 8 bits lose most. The steps stand above each table; a family or a model that
is missing here has not been measured.
`;

const cells = ({ what, value, bound, met, peer }) =>
  `| ${[what, value, bound, MET.get(met), peer].join(' | ')} |`;

/** How many bounds are met, and the rows that miss theirs by name. */
function summary(rows) {
  const bounded = rows.filter(({ met }) => met !== null);
  const missed = bounded.filter(({ met }) => !met).map(({ what }) => `- ${what}\n`);
  const count = `\n${bounded.length - missed.length} of ${bounded.length} bounds are met.`;
  return missed.length > 0 ? `${count} Missed:\n\n${missed.join('')}` : `${count}\n`;
}

export function writeDocument(families) {
  const measured = families
    .filter(([name]) => existsSync(file(name)))
    .map(([name, title]) => ({ title, ...JSON.parse(readFileSync(file(name), 'utf8')) }));
  const parts = [INTRODUCTION, summary(measured.flatMap(({ rows }) => rows))];
  for (const { title, recipe, rows } of measured) {
    parts.push(
      `\n## ${title}\n\nSteps: \`${recipe}\`.\n\n| what | value | bound | | onnxruntime |\n| --- | --- | --- | --- | --- |\n`,
      `${rows.map(cells).join('\n')}\n`,
    );
  }
  writeFileSync(new URL('../../../docs/quality.md', import.meta.url), parts.join(''));
}
