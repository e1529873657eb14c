// Includes point down the dependency order.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cpp, read } from './files.mjs';
import { violation } from './layers.mjs';

test('the order itself', () => {
  assert.equal(violation('core/ops/conv.cpp', 'core/kernels/kernel_table.h'), undefined);
  assert.match(violation('core/base/error.h', 'core/tensor/tensor.h'), /must not include/);
  assert.match(violation('core/kernels/a.cpp', 'core/graph/graph.h'), /must not include/);
  assert.match(violation('core/measure/a.cpp', 'core/compress/recipe.h'), /must not include/);
  assert.match(violation('core/ops/conv.cpp', 'bindings/model.h'), /must not include/);
  assert.match(
    violation('core/compress/prune/a.cpp', 'core/compress/quantize/int8.h'),
    /prune must not include quantize/,
  );
});

test('includes in core/ and bindings/ follow the order', () => {
  const wrong = [];
  for (const file of cpp) {
    for (const [, target] of read(file)
      .toString()
      .matchAll(/^#include "([^"]+)"/gm)) {
      const problem = violation(file, target);
      if (problem) wrong.push(`${file}: ${target}: ${problem}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('Emscripten is known to bindings/ only', () => {
  const wrong = cpp.filter((file) => file.startsWith('core/') && /emscripten/i.test(code(file)));
  assert.deepEqual(wrong, []);
});

test('core/ uses no files, clocks or consoles', () => {
  const headers = 'iostream|fstream|filesystem|chrono|ctime|time\\.h';
  const calls = 'printf|fprintf|puts|fopen|getenv';
  const banned = new RegExp(`^#include <(${headers})>|(?<![\\w:])(std::)?(${calls})\\(`, 'm');
  const wrong = cpp.filter((file) => file.startsWith('core/') && banned.test(code(file)));
  assert.deepEqual(wrong, []);
});

// The source without its comments.
function code(file) {
  return read(file)
    .toString()
    .replace(/\/\/.*$/gm, '');
}
