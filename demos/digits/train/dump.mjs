// Writes a piece of a split as bytes, for train.py: per image its label, then 784 pixels (0 to 255).
// node demos/digits/train/dump.mjs <split> <start> <count> <file>    (after building the data set)

import { closeSync, openSync, writeSync } from 'node:fs';
import { digit } from '../dist/index.js';

const [split, start, count, file] = process.argv.slice(2);
const out = openSync(file, 'w');
for (let i = 0; i < Number(count); ++i) {
  const { label, pixels } = digit(split, Number(start) + i);
  writeSync(out, Uint8Array.of(label, ...Array.from(pixels, (value) => Math.round(value * 255))));
}
closeSync(out);
