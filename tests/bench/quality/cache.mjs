/** A folder for what is slow to make and does not change: outputs by model bytes and data, peers. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const folder = join(tmpdir(), 'whittle-quality');
mkdirSync(folder, { recursive: true });

export const emptyCache = () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
};

export const digest = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 24);
};

/** The bytes of `name` in the cache, made by `make` when they are not there. */
export async function cached(name, make) {
  const file = join(folder, name);
  if (existsSync(file)) return readFileSync(file);
  const bytes = await make();
  writeFileSync(`${file}.part`, bytes);
  renameSync(`${file}.part`, file);
  return bytes;
}
