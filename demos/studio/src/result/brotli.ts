import { useBrotli } from 'whittle-nn';

interface Waiting {
  resolve: (size: number) => void;
  reject: (error: Error) => void;
}
type Answer = { id: number; size: number } | { id: number; error: string };

const waiting = new Map<number, Waiting>();
let nextId = 0;
let worker: Worker | undefined;

function start(): Worker {
  const started = new Worker(new URL('./brotli.worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    const { resolve, reject } = waiting.get(data.id) ?? {};
    waiting.delete(data.id);
    if ('size' in data) resolve?.(data.size);
    else reject?.(new Error(data.error));
  });
  started.addEventListener('error', (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message));
    waiting.clear();
    worker = undefined;
  });
  return started;
}

/** Gives the library a brotli encoder; its worker and module are loaded by the first report. */
export function provideBrotli(): void {
  useBrotli(
    (bytes) =>
      new Promise<number>((resolve, reject) => {
        const id = ++nextId;
        waiting.set(id, { resolve, reject });
        (worker ??= start()).postMessage({ id, bytes });
      }),
  );
}
