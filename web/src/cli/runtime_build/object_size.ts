import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const kCode = 10;
const kData = 11;

/** Bytes of code and data in a WebAssembly object file, before it is linked. */
export function objectSize(file: Uint8Array): number {
  let at = 8; // behind the magic number and the version
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = file[at++];
      if (byte === undefined) throw new RangeError('an object file that ends early');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  let size = 0;
  while (at < file.length) {
    const section = file[at++];
    const length = varint();
    if (section === kCode || section === kData) size += length;
    at += length;
  }
  return size;
}

/** Bytes of each operator family, by its file in core/ops, largest first. */
export async function familySizes(folder: string): Promise<[family: string, bytes: number][]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.o'));
  const sizes = await Promise.all(
    files.map(async (file): Promise<[string, number]> => {
      const bytes = await readFile(join(folder, file));
      return [basename(file).replace(/\.cpp\.o$/, ''), objectSize(bytes)];
    }),
  );
  return sizes.sort(([, a], [, b]) => b - a);
}
