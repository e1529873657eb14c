import { access } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { WhittleError } from '../../errors.js';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Where Whittle's own sources lie, and the compiler for them. */
export interface SourceTree {
  root: string;
  /** Environment of the build. */
  environment: Record<string, string | undefined>;
}

const missing = (message: string): WhittleError =>
  new WhittleError('UNSUPPORTED', message, { where: 'build-runtime' });

/** The checkout that `given` names, or that this file is part of. Throws UNSUPPORTED in one line. */
export async function findSourceTree(given: string | undefined): Promise<SourceTree> {
  const places: string[] = [];
  if (given !== undefined) places.push(resolve(given));
  else {
    let folder = dirname(fileURLToPath(import.meta.url));
    for (; folder !== dirname(folder); folder = dirname(folder)) places.push(folder);
  }
  for (const root of places) {
    if (!(await exists(join(root, 'cmake', 'chosen.cmake')))) continue;
    const toolchain = process.env['WHITTLE_TOOLCHAIN'] ?? join(root, '.toolchain');
    if (!(await exists(join(toolchain, 'emscripten-root')))) {
      throw missing(
        `Expected the WebAssembly toolchain in ${toolchain} but it is not there: run emsdk-config/setup.sh in ${root}`,
      );
    }
    const path = [join(toolchain, 'bin'), process.env['PATH']].join(delimiter);
    return { root, environment: { ...process.env, WHITTLE_TOOLCHAIN: toolchain, PATH: path } };
  }
  throw missing(
    `Expected Whittle's source tree ${given === undefined ? 'around this command' : `in ${given}`} but it is not there: clone it and name it with --source`,
  );
}
