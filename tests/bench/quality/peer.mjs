/**
 * Files made by onnxruntime.quantization on the same float file and the same preprocessed samples.
 * WHITTLE_PYTHON names an interpreter that has onnx and onnxruntime; without it one is set up in a
 * virtual environment under the cache folder.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeNpy } from '../../../web/src/cli/data/npy.ts';
import { cached, digest, folder } from './cache.mjs';
import { rewritten } from './models.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('peer.py', import.meta.url));
const PACKAGES = ['onnx==1.23.2', 'onnxruntime==1.32.0', 'sympy'];

let interpreter;

async function makeEnvironment() {
  const python = join(folder, 'python', 'bin', 'python');
  if (existsSync(join(folder, 'python-ready'))) return python;
  await run('python3', ['-m', 'venv', join(folder, 'python')]);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  await writeFile(join(folder, 'python-ready'), '');
  return python;
}

const findInterpreter = () =>
  (interpreter ??= process.env.WHITTLE_PYTHON
    ? Promise.resolve(process.env.WHITTLE_PYTHON)
    : makeEnvironment());

async function samplesFile(data) {
  const file = join(folder, `inputs-${digest(data.id)}.npy`);
  if (existsSync(file)) return file;
  const parts = [];
  for await (const { feeds } of data()) parts.push(Object.values(feeds)[0]);
  const all = new Float32Array(parts.length * parts[0].data.length);
  parts.forEach(({ data: part }, i) => all.set(part, i * part.length));
  const dims = [parts.length, ...parts[0].dims.slice(1)];
  await writeFile(file, writeNpy({ type: 'float32', dims, data: all }));
  return file;
}

/** Quantized bytes, or {missing: why}. */
export async function quantizedByPeer(bytes, data, method = 'minmax', granularity = 'channel') {
  try {
    const python = await findInterpreter();
    const name = `peer-${digest(bytes, data.id, method, granularity)}.onnx`;
    return await cached(name, async () => {
      const [source, target] = [join(folder, `${name}.float`), join(folder, `${name}.made`)];
      await writeFile(source, await rewritten(bytes));
      await run(python, [script, source, await samplesFile(data), target, method, granularity]);
      const made = await readFile(target);
      await Promise.all([rm(source), rm(target)]);
      return made;
    });
  } catch (error) {
    const lines = String(error.stderr ?? error.message)
      .trim()
      .split('\n');
    return { missing: error.code === 'ENOENT' ? 'no python' : lines.at(-1).slice(0, 80) };
  }
}
