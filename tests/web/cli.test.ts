import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digits } from '../../demos/digits/src/index.js';
import { digitsModel, root } from './support/assets.js';

const kMain = join(root, 'web/dist/cli/main.js');

interface Outcome {
  code: number;
  out: string;
  err: string;
}

let folder = '';

function whittle(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [kMain, ...words],
      { cwd: folder, maxBuffer: 1 << 26 },
      (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err });
      },
    );
  });
}

/** The digits as a .npz is made by Python; a .npy of one split serves here. */
async function writeSamples(path: string, count: number): Promise<void> {
  const list = [...digits('test', count)()];
  const header =
    `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, 1, 28, 28), }`.padEnd(117) + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(header.length, 8);
  const body = list.map(({ feeds }) => Buffer.from(feeds.image.data.buffer));
  await writeFile(path, Buffer.concat([head, Buffer.from(header, 'latin1'), ...body]));
}

describe('the command line', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whittle-cli-'));
    await copyFile(digitsModel, join(folder, 'digits.onnx'));
    await writeSamples(join(folder, 'samples.npy'), 60);
  });
  after(() => rm(folder, { recursive: true }));

  it('runs the example of each help text', async () => {
    await whittle('compress', 'digits.onnx', '--step', 'quantize-weights', '-o', 'small.onnx');
    for (const command of ['inspect', 'compress', 'run', 'bench', 'compare', 'simplify', 'quick']) {
      const help = await whittle(command, '--help');
      assert.equal(help.code, 0);
      const example = /Example:\n {2}whittle (.*)/.exec(help.out)?.[1];
      assert.ok(example, command);
      const words = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? '',
      );
      const outcome = await whittle(...words);
      assert.equal(outcome.code, 0, `${example}\n${outcome.err}`);
      assert.ok(outcome.out.length > 0);
    }
  });

  it('says in one line what build-runtime lacks', async () => {
    const { code, err } = await whittle(
      'build-runtime',
      '--for',
      'digits.onnx',
      '--source',
      folder,
    );
    assert.equal(code, 1);
    assert.match(err, /^whittle: Expected Whittle's source tree in .* --source \[UNSUPPORTED\]\n$/);
    const { err: neither } = await whittle('build-runtime');
    assert.match(neither, /Expected a model for --for/);
  });

  it('inspects, tries what needs no data, and says what to do next', async () => {
    const { code, out } = await whittle('digits.onnx');
    assert.equal(code, 0);
    for (const word of [
      'fp16',
      'quantize-weights',
      'round-for-compression',
      'whittle compress digits.onnx --step',
      '--data',
    ]) {
      assert.ok(out.includes(word), word);
    }
  });

  it('compares layer by layer, as a table and as JSON', async () => {
    await whittle('compress', 'digits.onnx', '--step', 'quantize-weights', '-o', 'small.onnx');
    const words = ['compare', 'digits.onnx', 'small.onnx', '--data', 'samples.npy', '--layers'];
    const table = await whittle(...words);
    assert.equal(table.code, 0, table.err);
    assert.match(
      table.out,
      /Per layer over \d+ samples[\s\S]*layer +operator +SQNR[\s\S]*fc1 +Gemm/,
    );
    const { layers } = JSON.parse((await whittle(...words, '--json')).out).layers;
    assert.ok(layers[0].sqnrDb <= layers.at(-1).sqnrDb || layers.at(-1).sqnrDb === null);
  });

  it('writes models whole and reports as JSON', async () => {
    const { code, out } = await whittle(
      'compress',
      'digits.onnx',
      '--step',
      'quantize-static',
      '--data',
      'samples.npy',
      '--json',
      '-o',
      'static.onnx',
    );
    assert.equal(code, 0, out);
    const report = JSON.parse(out);
    assert.equal(report.report, 1);
    assert.ok(report.data.calibration > 0 && report.data.evaluation > 0);
    assert.equal(report.data.calibration + report.data.evaluation, 60);
    assert.ok((await readFile(join(folder, 'static.onnx'))).length > 0);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('exits with 2 and writes nothing when the gate is missed', async () => {
    const words = [
      'compress',
      'digits.onnx',
      '--step',
      'quantize-weights',
      '--data',
      'samples.npy',
      '--min-sqnr',
      '200',
      '-o',
      'missed.onnx',
    ];
    const outcome = await whittle(...words);
    assert.equal(outcome.code, 2);
    assert.match(outcome.err, /GATE_FAILED/);
    assert.ok(!(await readdir(folder)).includes('missed.onnx'));
    assert.equal((await whittle(...words, '--keep')).code, 2);
    assert.ok((await readdir(folder)).includes('missed.onnx'));
  });

  it('goes on when one of several models fails', async () => {
    await mkdir(join(folder, 'several'), { recursive: true });
    await copyFile(digitsModel, join(folder, 'several/good.onnx'));
    await writeFile(join(folder, 'several/bad.onnx'), '<html>');
    const outcome = await whittle('compress', 'several', '--step', 'fp16', '--out', 'made');
    assert.equal(outcome.code, 1);
    assert.match(outcome.out, /1 of 2 models compressed/);
    assert.match(outcome.err, /bad\.onnx/);
    assert.deepEqual(await readdir(join(folder, 'made')), ['good.onnx']);
  });

  it('asks for calibration data, and takes synthetic inputs only when told to', async () => {
    const outcome = await whittle(
      'compress',
      'digits.onnx',
      '--step',
      'quantize-static',
      '-o',
      'x.onnx',
    );
    assert.equal(outcome.code, 1);
    assert.match(outcome.err, /CALIBRATION_REQUIRED/);
    const made = await whittle(
      'compress',
      'digits.onnx',
      '--step',
      'quantize-static',
      '--calibration',
      'synthetic',
      '-o',
      'x.onnx',
    );
    assert.equal(made.code, 0, made.err);
  });

  it('explains mistakes in one line, without a stack', async () => {
    for (const [words, message] of [
      [['compres', 'digits.onnx'], /Did you mean 'compress'/],
      [['compress', 'digits.onnx', '--presett', 'x'], /Did you mean '--preset'/],
      [['compress', 'digits.onnx', '--step', 'svd enery=0.9'], /Did you mean 'energy'/],
      [['inspect', 'nothing.onnx'], /nothing\.onnx/],
      [['bench'], /Expected a model/],
    ] as [string[], RegExp][]) {
      const { code, err } = await whittle(...words);
      assert.equal(code, 1);
      assert.match(err, message);
      assert.ok(!err.includes('    at '), err);
    }
  });
});
