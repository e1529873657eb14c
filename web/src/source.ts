import { WhittleError } from './errors.js';
import { isNode } from './platform.js';
import { isObject, show } from './is.js';
import type { Bytes, Source } from './types.js';

/** A file as a stream of chunks. */
export interface Opened {
  /** How messages name it. */
  name: string;
  /** 0 when the sender does not say. */
  size: number;
  chunks: AsyncIterable<Uint8Array>;
  /** Lets go of a file whose chunks nobody will read. */
  close(): Promise<void>;
}

const nothingToClose = async (): Promise<void> => {};

const lastPart = (path: string): string => path.split(/[\\/]/).pop() || path;

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function* streamOf(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // A consumer that stops early (abort) must not leave the download running.
    await reader.cancel().catch(() => {});
  }
}

function openResponse(response: Response, name: string): Opened {
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok) {
    throw new WhittleError(
      'LOAD_FAILED',
      `Expected an ONNX model for ${name} but received status ${response.status} (${type || 'no content type'}) from ${response.url}`,
      { where: response.url },
    );
  }
  if (type.startsWith('text/html')) {
    throw new WhittleError(
      'NOT_A_MODEL',
      `Expected an ONNX model for ${name} but received an HTML page with status ${response.status} from ${response.url}. Check the address; many servers answer a missing file with their start page.`,
      { where: response.url },
    );
  }
  // The stated length is of the compressed body when there is an encoding.
  const encoded = response.headers.has('content-encoding');
  const size = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const close = async (): Promise<void> => response.body?.cancel();
  return { name, size, chunks: streamOf(response.body), close };
}

async function openUrl(url: string, signal: AbortSignal | undefined): Promise<Opened> {
  const name = lastPart(new URL(url, globalThis.location?.href).pathname);
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw new WhittleError(
      'LOAD_FAILED',
      `Expected to fetch ${url} but it failed: ${String(cause)}`,
      { where: url, cause },
    );
  }
  return openResponse(response, name);
}

async function openPath(path: string | URL): Promise<Opened> {
  const { open } = await import('node:fs/promises');
  const { fileURLToPath } = await import('node:url');
  const file = typeof path === 'string' ? path : fileURLToPath(path);
  try {
    const handle = await open(file);
    const { size } = await handle.stat();
    return {
      name: lastPart(file),
      size,
      chunks: handle.createReadStream({ highWaterMark: 1 << 20 }),
      close: () => handle.close(),
    };
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : String((cause as Error).message);
    throw new WhittleError('LOAD_FAILED', `Expected a readable file for ${file} but ${reason}`, {
      where: file,
      cause,
    });
  }
}

const isAddress = (text: string): boolean => /^(https?|data|blob):/i.test(text);

/** Opens whatever leads to bytes. Throws LOAD_FAILED, NOT_A_MODEL, INVALID_OPTION. */
export async function openBytes(source: Bytes, signal?: AbortSignal): Promise<Opened> {
  if (source instanceof URL) {
    return source.protocol === 'file:' && isNode ? openPath(source) : openUrl(source.href, signal);
  }
  if (typeof source === 'string') {
    return isNode && !isAddress(source) ? openPath(source) : openUrl(source, signal);
  }
  if (source instanceof Response)
    return openResponse(source, lastPart(new URL(source.url || 'file:///the model').pathname));
  if (source instanceof Blob) {
    const name = 'name' in source ? String(source.name) : 'the model';
    return {
      name,
      size: source.size,
      chunks: streamOf(source.stream() as ReadableStream<Uint8Array>),
      close: nothingToClose,
    };
  }
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
    return { name: 'the model', size: bytes.length, chunks: once(bytes), close: nothingToClose };
  }
  throw new WhittleError(
    'INVALID_OPTION',
    `Expected an address, path, URL, Response, Blob, ArrayBuffer or Uint8Array for the model but received ${show(source)}`,
    { where: 'source' },
  );
}

/** A source's main file and its given external files. */
export function splitSource(source: Source): { main: Bytes; external: Record<string, Bytes> } {
  if (isObject(source) && 'model' in source) {
    const { model, external } = source as { model: Bytes; external?: Record<string, Bytes> };
    return { main: model, external: external ?? {} };
  }
  return { main: source as Bytes, external: {} };
}

/** Where a file that the model names lies when it was not given: beside the model, or nowhere. */
export function beside(main: Bytes, location: string): Bytes | undefined {
  if (main instanceof URL) return new URL(location, main);
  if (typeof main !== 'string') return undefined;
  if (isAddress(main)) return new URL(location, main).href;
  if (!isNode) return new URL(location, new URL(main, globalThis.location?.href)).href;
  const slash = Math.max(main.lastIndexOf('/'), main.lastIndexOf('\\'));
  return main.slice(0, slash + 1) + location;
}
