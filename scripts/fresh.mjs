// Is what a stage makes newer than what it is made from?
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './stages.mjs';

const skipped = new Set(['node_modules', 'dist', 'build', 'out', '.git']);

/**
 * @param {string} stamp    a file that stageDone wrote
 * @param {string[]} inputs files and folders, relative to the repository
 */
export function fresh(stamp, inputs) {
  if (!existsSync(join(root, stamp))) return false;
  const made = statSync(join(root, stamp)).mtimeMs;
  return inputs.every((input) => newest(join(root, input)) <= made);
}

/** Marks the stage done, now. */
export function stageDone(stamp) {
  mkdirSync(dirname(join(root, stamp)), { recursive: true });
  writeFileSync(join(root, stamp), '');
}

function newest(path) {
  if (!existsSync(path)) return 0;
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return readdirSync(path)
    .filter((name) => !skipped.has(name))
    .reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}
