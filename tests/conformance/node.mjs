// Runs ONNX's backend tests through the library over its wasm module, or through onnxruntime-web
// for the comparison.
//
//   node tests/conformance/node.mjs [--engine whittle|onnxruntime-web] [--list <file>] [--all]
//                                   <folder>...
//
// A folder holds <suite>/<case>/model.onnx. With --list, what fails must be in it and what passes
// must not: exits 1 otherwise. --all prints every failing case with its reason.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readValue } from './values.mjs';

const { values: options, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'whittle' },
    list: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});

/** As the native runner: |actual - expected| <= absolute + relative * |expected|. */
const kClose = { absolute: 1e-5, relative: 1e-3 };
const kCloseNarrow = { absolute: 5e-3, relative: 5e-3 };

async function whittle() {
  const { createSession, loadModel } = await import('whittle-nn');
  return async (bytes, feedsFor) => {
    const model = await loadModel(bytes);
    try {
      const session = await createSession(model);
      const feeds = feedsFor(model.inputs.map(({ name }) => name));
      for (const { name, kind = '' } of model.inputs) {
        // The file of an optional tensor looks like that of a sequence of one.
        const value = feeds[name];
        if (Array.isArray(value) && !kind.endsWith('sequence')) feeds[name] = value[0] ?? null;
      }
      const results = await session.run(feeds);
      const names = session.outputs.map(({ name }) => name);
      await session.dispose();
      return names.map((name) => results[name]);
    } finally {
      model.dispose();
    }
  };
}

async function onnxruntimeWeb() {
  const ort = await import('onnxruntime-web/wasm');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'fatal';
  const given = ({ type, dims, data }) =>
    new ort.Tensor(type, type === 'float16' ? new Uint16Array(data) : data, dims);
  return async (bytes, feedsFor) => {
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    try {
      const feeds = Object.entries(feedsFor(session.inputNames));
      const results = await session.run(
        Object.fromEntries(feeds.map(([name, value]) => [name, given(value)])),
      );
      return session.outputNames.map((name) => results[name]);
    } finally {
      await session.release();
    }
  };
}

/** Elements as numbers: 16-bit floats come as their bits. */
function numbers({ type, data }) {
  if (type !== 'float16' && type !== 'bfloat16') return Array.from(data, Number);
  const bits = data instanceof Uint16Array ? data : new Uint16Array(data.buffer);
  return Array.from(bits, (code) => {
    if (type === 'bfloat16') return new Float32Array(Uint32Array.of(code << 16).buffer)[0];
    const sign = code & 0x8000 ? -1 : 1;
    const exponent = (code >> 10) & 31;
    const fraction = code & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  });
}

/** Empty when both are the same, else what differs. */
function difference(actual, expected) {
  if (expected === null || actual === null || actual === undefined)
    return (expected ?? null) === (actual ?? null) ? '' : 'one of them is nothing';
  if (Array.isArray(expected)) {
    if (expected.length === 1 && !Array.isArray(actual)) return difference(actual, expected[0]);
    if (!Array.isArray(actual) || actual.length !== expected.length) return 'another sequence';
    return expected.map((item, i) => difference(actual[i], item)).find((what) => what) ?? '';
  }
  if (actual.type !== expected.type) return `type ${actual.type}, expected ${expected.type}`;
  if (actual.dims.join() !== expected.dims.join())
    return `shape [${actual.dims}], expected [${expected.dims}]`;
  const exact = !/^b?float/.test(expected.type);
  const { absolute, relative } = /^float(32|64)$/.test(expected.type) ? kClose : kCloseNarrow;
  const [left, right] = [actual, expected].map((tensor) =>
    exact ? Array.from(tensor.data, String) : numbers(tensor),
  );
  const same = (x, y) =>
    x === y || Object.is(x, y) || (!exact && Math.abs(x - y) <= absolute + relative * Math.abs(y));
  const at = right.findIndex((value, i) => !same(left[i], value));
  return at < 0 ? '' : `element ${at} is ${left[at]}, expected ${right[at]}`;
}

const filesOf = (folder, prefix) =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.pb'))
    .sort((a, b) => parseInt(a.slice(prefix.length)) - parseInt(b.slice(prefix.length)))
    .map((name) => join(folder, name));

/** Empty when every data set of the case passes, else why not. */
async function runCase(run, folder) {
  try {
    const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set'));
    for (const set of sets) {
      const inputs = filesOf(join(folder, set), 'input_').map((file) => readValue(file));
      const expected = filesOf(join(folder, set), 'output_').map((file) => readValue(file));
      const feedsFor = (names) =>
        Object.fromEntries(inputs.slice(0, names.length).map((value, i) => [names[i], value]));
      const results = await run(new Uint8Array(readFileSync(join(folder, 'model.onnx'))), feedsFor);
      if (results.length !== expected.length)
        return `${results.length} outputs, expected ${expected.length}`;
      for (const [i, value] of expected.entries()) {
        const what = difference(results[i], value);
        if (what) return `output ${i}: ${what}`;
      }
    }
    return '';
  } catch (error) {
    return String(error?.message ?? error).split('\n')[0];
  }
}

const listed = new Set(
  options.list
    ? readFileSync(options.list, 'utf8')
        .split('\n')
        .filter((line) => line && !line.startsWith('#'))
        .map((line) => line.split(': ')[0])
    : [],
);
const run = await (options.engine === 'whittle' ? whittle() : onnxruntimeWeb());
let cases = 0;
let passed = 0;
let surprises = 0;
for (const folder of folders.filter((name) => existsSync(name))) {
  for (const suite of readdirSync(folder).sort()) {
    for (const name of readdirSync(join(folder, suite)).sort()) {
      if (!existsSync(join(folder, suite, name, 'model.onnx'))) continue;
      const what = await runCase(run, join(folder, suite, name));
      cases += 1;
      passed += what ? 0 : 1;
      if (what && options.all) console.log(`${suite}/${name}: ${what}`);
      if (!options.list || listed.has(`${suite}/${name}`) === Boolean(what)) continue;
      surprises += 1;
      console.log(
        what ? `FAILS ${suite}/${name}: ${what}` : `PASSES, but is listed: ${suite}/${name}`,
      );
    }
  }
}
if (cases === 0) console.log('No test data found (Debian: libonnx-testdata)');
const found = options.list ? `, ${surprises} surprises` : '';
console.log(`${options.engine}: ${passed} of ${cases} pass${found}`);
process.exitCode = surprises === 0 ? 0 : 1;
