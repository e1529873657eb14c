/**
 * Builds the package into web/dist/: generated sources, type declarations (tsc), scripts (esbuild,
 * so that a page can load them without a bundler), and the modules that build/ holds.
 */

import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = new URL('../', import.meta.url);
const root = new URL('../', web);
const dist = new URL('dist/', web);
const path = (url) => fileURLToPath(url);

async function exists(url) {
  return stat(url).then(
    () => true,
    () => false,
  );
}

async function copyModules() {
  const target = new URL('wasm/', dist);
  await mkdir(target, { recursive: true });
  const folder = new URL('build/wasm/', root);
  if (!(await exists(folder))) return;
  for (const file of await readdir(folder)) {
    if (/^whittle-.*\.(mjs|wasm)$/.test(file))
      await cp(new URL(file, folder), new URL(file, target));
  }
}

/**
 * Browsers take the library as it is, so what it uses is inside; Node's own modules and sharp are
 * imported only where they exist.
 */
function bundle(entryPoints, splitting) {
  return build({
    absWorkingDir: path(web),
    entryPoints,
    outdir: 'dist',
    bundle: true,
    splitting,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', 'sharp'],
    legalComments: 'none',
    logLevel: 'warning',
  });
}

await rm(dist, { recursive: true, force: true });
execFileSync(process.execPath, [path(new URL('generate.mjs', import.meta.url))], {
  stdio: 'inherit',
});
const tsc = path(new URL('node_modules/typescript/bin/tsc', root));
execFileSync(
  process.execPath,
  [tsc, '-p', path(new URL('tsconfig.json', web)), '--emitDeclarationOnly'],
  { stdio: 'inherit' },
);
// The command line shares the library's chunks: they lie in dist/, beside the worker and the modules.
await bundle(['src/index.ts', 'src/report/index.ts', 'src/cli/main.ts'], true);
// Bundlers of pages copy this file as it is, so it must need no other.
await bundle(['src/worker.ts'], false);
await copyModules();
await cp(new URL('schema/report.schema.json', web), new URL('generated/report.schema.json', dist));
