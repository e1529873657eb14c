import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { WhittleError } from '../errors.js';

/** Writes under a temporary name and renames, so that no reader ever sees half a file. */
export async function writeWhole(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, data);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new WhittleError(
      'WRITE_FAILED',
      `Expected to write ${path} but it failed: ${(cause as Error).message}`,
      {
        where: path,
        cause,
      },
    );
  }
}
