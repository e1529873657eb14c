// What every text file has to keep to.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cpp, files, read, text } from './files.mjs';

/** Files longer than the limit, each with the reason why it is not cut. */
const longFiles = {
  'core/kernels/kernel_table.h': 'the whole contract between runtime and kernels, mostly comments',
};
const lineLimit = 400;

/** Bytes; larger files are data, listed here with the reason. */
const largeFiles = {
  'docs/studio.png': 'the picture in README.md',
  'demos/digits/digits.onnx': 'the built-in model',
  'package-lock.json': 'written by npm',
};
const byteLimit = 100_000;

const lines = (file) => read(file).toString().split('\n');

test('sources in core/ and bindings/ are ASCII', () => {
  const wrong = cpp.filter((file) => read(file).some((byte) => byte > 126));
  assert.deepEqual(wrong, []);
});

test('no tabs, no trailing space, a newline at the end', () => {
  const wrong = [];
  for (const file of text) {
    const content = read(file).toString();
    if (/\t/.test(content)) wrong.push(`${file}: tab`);
    if (/[ \r]$/m.test(content) && !file.endsWith('.md')) wrong.push(`${file}: trailing space`);
    if (content && !content.endsWith('\n')) wrong.push(`${file}: no newline at the end`);
  }
  assert.deepEqual(wrong, []);
});

test(`no source has more than ${lineLimit} lines`, () => {
  const wrong = text
    .filter((file) => /\.(cpp|h|ts|mjs|cmake|sh)$/.test(file) && !(file in longFiles))
    .filter((file) => lines(file).length > lineLimit)
    .map((file) => `${file}: ${lines(file).length}`);
  assert.deepEqual(wrong, []);
});

test('no large files', () => {
  const wrong = files.filter((file) => read(file).length > byteLimit && !(file in largeFiles));
  assert.deepEqual(wrong, []);
});

test('every header is guarded once', () => {
  const wrong = cpp
    .filter((file) => file.endsWith('.h'))
    .filter((file) => !/^#pragma once$/m.test(read(file).toString()));
  assert.deepEqual(wrong, []);
});

test('no addresses of package registries, no paths of one machine', () => {
  // Written apart, so that this file passes.
  const banned = [
    'registry.' + 'npmjs',
    'deb.' + 'debian',
    'registry.' + 'yarnpkg',
    '/ro' + 'ot/',
    '/ho' + 'me/',
  ];
  const wrong = [];
  for (const file of [...text, 'package-lock.json']) {
    const content = read(file).toString();
    for (const word of banned) {
      if (content.includes(word)) wrong.push(`${file}: ${word}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('nothing is left for later', () => {
  const banned = new RegExp(
    `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK', 'XX' + 'X'].join('|')})\\b`,
  );
  const wrong = text.filter((file) => banned.test(read(file).toString()));
  assert.deepEqual(wrong, []);
});
