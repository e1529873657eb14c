// The files of the repository, as git knows them.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Tracked files and new ones that are not ignored. */
export const files = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
  cwd: root,
})
  .toString()
  .split('\0')
  .filter((file) => file && existsSync(join(root, file)));

/** @param {string} file */
export const read = (file) => readFileSync(join(root, file));

/** C++ sources of the core and the bindings. */
export const cpp = files.filter((file) => /^(core|bindings)\/.*\.(cpp|h|inc)$/.test(file));

/** Source and text files that people read. */
export const text = files.filter((file) =>
  /(\.(cpp|h|inc|cmake|sh|ts|mts|tsx|js|mjs|json|css|html|md|yml)|CMakeLists\.txt|\.npmrc|\.ci\/run)$/.test(
    file,
  ),
);
