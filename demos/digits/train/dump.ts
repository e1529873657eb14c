// Writes a piece of a split as bytes, for train.py: per image its label, then 784 pixels, 0-255.
// npx tsx demos/digits/train/dump.ts <split> <start> <count> <file>

import { closeSync, openSync, writeSync } from 'node:fs';
import { digit, type Split } from '../src/index.js';

const [split, start, count, file] = process.argv.slice(2);
if (file === undefined) throw new Error('Expected four arguments: split, start, count, file');
const out = openSync(file, 'w');
for (let i = 0; i < Number(count); ++i) {
  const { label, pixels } = digit(split as Split, Number(start) + i);
  writeSync(out, Uint8Array.of(label, ...Array.from(pixels, (value) => Math.round(value * 255))));
}
closeSync(out);
