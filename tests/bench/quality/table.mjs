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
200 calibrates, the other hundred test. The steps stand above each table; a family that is missing
here has not been measured.
`;

const cells = ({ what, value, bound, met, peer }) =>
  `| ${[what, value, bound, MET.get(met), peer].join(' | ')} |`;

export function writeDocument(families) {
  const parts = [INTRODUCTION];
  for (const [name, title] of families) {
    if (!existsSync(file(name))) continue;
    const { recipe, rows } = JSON.parse(readFileSync(file(name), 'utf8'));
    parts.push(
      `\n## ${title}\n\nSteps: \`${recipe}\`.\n\n| what | value | bound | | onnxruntime |\n| --- | --- | --- | --- | --- |\n`,
      `${rows.map(cells).join('\n')}\n`,
    );
  }
  writeFileSync(new URL('../../../docs/quality.md', import.meta.url), parts.join(''));
}
