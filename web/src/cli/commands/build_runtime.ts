import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';

import { WhittleError } from '../../errors.js';
import { formatBytes } from '../../report/format.js';
import { textTable } from '../../report/text.js';
import type { Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { familySizes } from '../runtime_build/object_size.js';
import { findSourceTree, type SourceTree } from '../runtime_build/source_tree.js';

const run = promisify(execFile);

/** Modules are built apart from those of the package, which keep every operator. */
const kFolder = join('build', 'chosen');

async function operatorsOf(file: string, progress: ProgressLine): Promise<string[]> {
  return withModels([file], progress, async (model) => {
    const { operators, unsupported } = await (model as NonNullable<typeof model>).summary();
    const [first] = unsupported;
    if (first) {
      throw new WhittleError(
        'UNSUPPORTED_OPERATOR',
        `Expected operators that the runtime has for ${file} but received ${first.op} (${first.example})`,
        { where: first.example },
      );
    }
    return Object.keys(operators).sort();
  });
}

async function cmake({ root, environment }: SourceTree, ...words: string[]): Promise<void> {
  try {
    await run('cmake', words, { cwd: root, env: environment, maxBuffer: 1 << 28 });
  } catch (cause) {
    const { code, stderr = '', stdout = '' } = cause as { code?: string } & Record<string, string>;
    const said = `${stdout}\n${stderr}`.split('\n').find((line) => /error/i.test(line)) ?? '';
    throw new WhittleError(
      'UNSUPPORTED',
      code === 'ENOENT'
        ? 'Expected cmake on the path but it is not there'
        : `Expected the module to build but cmake failed: ${said.trim()}`,
      { where: 'build-runtime', cause },
    );
  }
}

interface Built {
  file: string;
  bytes: number;
  brotli: number;
}

async function copyModule(tree: SourceTree, tier: string, output: string): Promise<Built> {
  await mkdir(output, { recursive: true });
  for (const ending of ['mjs', 'wasm']) {
    const name = `whittle-${tier}.${ending}`;
    await copyFile(join(tree.root, kFolder, 'chosen', name), join(output, name));
  }
  const file = join(output, `whittle-${tier}.wasm`);
  const wasm = await readFile(file);
  const packed = brotliCompressSync(wasm, {
    params: { [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length },
  });
  return { file, bytes: wasm.length, brotli: packed.length };
}

export const buildRuntime: Command = {
  name: 'build-runtime',
  summary: 'Builds modules with the operators of one model only; needs the source tree.',
  operands: '--for MODEL',
  flags: {
    for: { value: 'MODEL', doc: 'the model whose operators the modules have' },
    operators: {
      value: 'NAMES',
      doc: 'operators in place of a model, or besides, joined by commas',
    },
    source: {
      value: 'FOLDER',
      doc: "Whittle's source tree (default: the one around this command)",
    },
    output: { value: 'FOLDER', short: 'o', doc: 'where the modules go (default: whittle-runtime)' },
  },
  example: 'whittle build-runtime --for digits.onnx -o runtime',
  async run(files, values) {
    const model = values.text('for') ?? files[0];
    const named = values.text('operators')?.split(',') ?? [];
    if (model === undefined && named.length === 0) {
      throw new WhittleError(
        'INVALID_OPTION',
        'Expected a model for --for, or names for --operators, but received neither',
        { where: '--for', hint: 'whittle build-runtime --help shows an example' },
      );
    }
    const tree = await findSourceTree(values.text('source'));
    const progress = new ProgressLine();
    const own = model === undefined ? [] : await operatorsOf(model, progress);
    const operators = [...new Set([...own, ...named])];
    const tiers = [values.text('tier') ?? ['simd128', 'relaxed']].flat();
    const list = `-DWHITTLE_OPERATORS=${operators.join(';')}`;
    await cmake(tree, '--preset', 'wasm', '-B', kFolder, list);
    const targets = tiers.map((tier) => `whittle-${tier}-chosen`);
    const jobs = `${availableParallelism()}`;
    await cmake(tree, '--build', kFolder, '--parallel', jobs, '--target', ...targets);
    const output = values.text('output') ?? 'whittle-runtime';
    const built: Built[] = [];
    for (const tier of tiers) built.push(await copyModule(tree, tier, output));
    const objects = join(tree.root, kFolder, 'CMakeFiles/whittle_ops.dir/core/ops');
    const table = await readFile(join(tree.root, kFolder, 'generated/chosen/ops.cpp'), 'utf8');
    const chosen = new Set(
      [...table.matchAll(/^ {2}register_(\w+)\(table\);$/gm)].map((m) => m[1]),
    );
    const families = (await familySizes(objects)).map(([family, bytes]) => ({
      family,
      bytes,
      chosen: chosen.has(family),
    }));
    if (values.on('json')) {
      console.log(JSON.stringify({ operators, modules: built, families }, null, 2));
      return 0;
    }
    console.log(`operators: ${operators.join(', ')}`);
    const rows = families
      .filter((each) => each.chosen)
      .map((each) => [each.family, formatBytes(each.bytes)]);
    console.log(textTable(['family', 'code before linking'], rows));
    for (const { file, bytes, brotli } of built) {
      console.log(`\nWrote ${file}: ${formatBytes(bytes)}, ${formatBytes(brotli)} after brotli`);
    }
    console.log(
      `\nUse it with configure({ wasmUrl: <this folder>, threads: 1, tier: '${tiers[0]}' })`,
    );
    return 0;
  },
};
