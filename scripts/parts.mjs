// The stages that the commands are put together from.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fresh, stageDone } from './fresh.mjs';
import { execute, jobs, must, root } from './stages.mjs';

/** @param {'build' | 'test'} kind */
export function toolchainStage(kind) {
  const setup = join(root, 'emsdk-config', 'setup.sh');
  return {
    name: 'toolchain',
    does:
      kind === 'test'
        ? 'Emscripten, Chromium and test tools (350 MB to download, about 6 minutes)'
        : 'Emscripten and header libraries (180 MB to download, about 4 minutes)',
    done: () => spawnSync('bash', [setup, kind, '--check']).status === 0,
    run: () =>
      must('toolchain', 'bash', [setup, kind], { show: (line) => line.startsWith('setup:') }),
  };
}

/** The npm packages, exactly as package-lock.json has them. */
export function packagesStage() {
  const stamp = join(root, 'node_modules', '.whittle-lock');
  const lock = () =>
    createHash('sha256')
      .update(readFileSync(join(root, 'package-lock.json')))
      .digest('hex');
  return {
    name: 'packages',
    does: 'npm packages (90 MB to download, about 30 seconds)',
    done: () => existsSync(stamp) && readFileSync(stamp, 'utf8') === lock(),
    run: async () => {
      await must('packages', 'npm', ['ci', '--no-audit', '--no-fund']);
      writeFileSync(stamp, lock());
    },
  };
}

/**
 * Configures and builds with CMake. CMake itself knows what is up to date.
 * @param {string} name
 * @param {string} does
 * @param {{preset: string, targets?: string[]}[]} builds
 */
export function cmakeStage(name, does, builds) {
  return {
    name,
    does,
    run: async () => {
      for (const { preset, targets = [] } of builds) {
        await cmake(preset, targets);
      }
    },
  };
}

/**
 * @param {string} preset
 * @param {string[]} [targets]  all when empty
 * @param {Record<string, string>} [env]  for the configuration
 */
export async function cmake(preset, targets = [], env = {}) {
  const folder = join('build', preset);
  // The Makefile is written last: without it an earlier configuration failed, and what it found out
  // is not to be trusted.
  if (!existsSync(join(root, folder, 'Makefile'))) {
    await must(`configure-${preset}`, 'cmake', ['--fresh', '--preset', preset], { env });
  }
  if (targets.length > 0) {
    // Targets that came with an update are unknown until CMake has looked at its files again.
    await must(`configure-${preset}`, 'cmake', [
      '--build',
      folder,
      '-t',
      'cmake_check_build_system',
    ]);
  }
  const chosen = targets.length > 0 ? ['--target', ...targets] : [];
  await must(`build-${preset}`, 'cmake', ['--build', folder, '--parallel', jobs, ...chosen]);
}

/** The one module that Node 20 runs. */
export function nodeModuleStage() {
  return cmakeStage('wasm', 'the wasm module for this Node (about 4 minutes the first time)', [
    { preset: 'wasm', targets: ['whittle-simd128'] },
  ]);
}

/** Every module that the package ships. */
export function allModulesStage() {
  return cmakeStage('wasm', 'all wasm modules (about 7 minutes the first time)', [
    { preset: 'wasm', targets: ['all', 'whittle-simd128-runtime', 'whittle-relaxed-runtime'] },
  ]);
}

/**
 * An npm workspace's `npm run build`.
 * @param {string} folder
 * @param {string} does
 * @param {string[]} inputs  what it is built from, besides its own folder
 */
export function workspaceStage(folder, does, inputs = []) {
  const name = folder.replace(/^.*\//, '');
  const stamp = join('build', 'stamps', name);
  return {
    name,
    does,
    done: () =>
      existsSync(join(root, folder, 'dist')) &&
      fresh(stamp, [folder, 'tsconfig.base.json', 'package-lock.json', ...inputs]),
    run: async () => {
      await must(name, 'npm', ['run', 'build', '--workspace', folder]);
      stageDone(stamp);
    },
  };
}

export function libraryStage() {
  const modules = [
    ...['simd128', 'relaxed', 'simd128-threads', 'relaxed-threads'].map(
      (name) => `build/wasm/whittle-${name}.wasm`,
    ),
    'build/wasm/whittle-scalar.wasm',
  ];
  return workspaceStage('web', 'the TypeScript library (about 10 seconds)', modules);
}

export function digitsStage() {
  return workspaceStage('demos/digits', 'the built-in model and data set (about 5 seconds)');
}

/** Runs a program with its output on the terminal; its exit code becomes ours. */
export async function runForeground(program, args, options) {
  process.exitCode = await execute('', program, args, { ...options, inherit: true });
}
