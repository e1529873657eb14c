import type { Long, Progress } from './types.js';

/**
 * Runs `work` under a caller's signal and progress callback. Progress gets an estimate of what
 * remains, from the pace of its stage so far. After an abort the promise rejects with the signal's
 * reason at once; what `work` still does is its own affair, it must notice and clean up.
 */
export async function runLong<T>(
  o: Long,
  work: (report: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  const { signal, onProgress } = o;
  signal?.throwIfAborted();
  let stage = '';
  let start = 0;
  const report = (progress: Progress): void => {
    signal?.throwIfAborted();
    if (!onProgress) return;
    if (progress.stage !== stage) {
      stage = progress.stage;
      start = performance.now();
    }
    onProgress({ ...progress, ...estimate(progress, performance.now() - start) });
  };
  if (!signal) return work(report);
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    work(report)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

function estimate({ done, total }: Progress, elapsedMs: number): { etaMs?: number } {
  if (!total || done <= 0 || done >= total) return {};
  return { etaMs: (elapsedMs / done) * (total - done) };
}
