import { isNode } from './platform.js';

export interface Sizes {
  raw: number;
  gzip: number;
  /** Null where the platform has no brotli encoder. */
  brotli: number | null;
}

/** Brotli's quality in reports: 11 saves some 3 % more and takes twenty times as long. */
export const BROTLI_QUALITY = 9;

type Brotli = (bytes: Uint8Array) => number | Promise<number>;
let pageBrotli: Brotli | undefined;

/** Browsers compress with gzip only: a page that brings a brotli encoder names it here. */
export function useBrotli(encoder: Brotli): void {
  pageBrotli = encoder;
}

async function gzipSize(bytes: Uint8Array): Promise<number> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream('gzip'));
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return size;
    size += value.byteLength;
  }
}

async function brotliSize(bytes: Uint8Array): Promise<number | null> {
  if (pageBrotli) return pageBrotli(bytes);
  if (!isNode) return null;
  const { brotliCompress, constants } = await import('node:zlib');
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return new Promise((resolve, reject) => {
    brotliCompress(bytes, { params }, (error, result) =>
      error ? reject(error) : resolve(result.length),
    );
  });
}

/** What a file weighs as it is, and on the wire. */
export async function measureSizes(bytes: Uint8Array): Promise<Sizes> {
  const [gzip, brotli] = await Promise.all([gzipSize(bytes), brotliSize(bytes)]);
  return { raw: bytes.byteLength, gzip, brotli };
}
