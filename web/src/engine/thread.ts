import { isNode, type Thread } from '../platform.js';
import { workerUrl } from './assets.js';

async function startNodeThread(url: URL): Promise<Thread> {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(url);
  return {
    post: (message, transfer) => worker.postMessage(message, (transfer ?? []) as never[]),
    onMessage: (listener) => worker.on('message', listener),
    onError: (listener) => {
      worker.on('error', listener);
      worker.on('exit', (code) => {
        if (code !== 0) listener(new Error(`the worker ended with code ${code}`));
      });
    },
    keepAlive: (on) => (on ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  };
}

/**
 * A Worker's script must be same-origin; from elsewhere (a CDN) a one-line blob imports it. By a call
 * rather than a declaration: that asks the page's policy for script-src, as the page's own import
 * did, and not for worker-src as well. A failure is thrown again where it counts as the worker's.
 */
function constructWorker(url: URL): Worker {
  if (url.origin === globalThis.location?.origin) return new Worker(url, { type: 'module' });
  const line = `import(${JSON.stringify(url.href)}).catch((e) => setTimeout(() => { throw e; }));`;
  const script = new Blob([line], { type: 'text/javascript' });
  const blobUrl = URL.createObjectURL(script);
  return new Worker(blobUrl, { type: 'module' });
}

function startBrowserThread(url: URL): Thread {
  const worker = constructWorker(url);
  return {
    post: (message, transfer) => worker.postMessage(message, transfer ?? []),
    onMessage: (listener) => worker.addEventListener('message', (event) => listener(event.data)),
    onError: (listener) =>
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        listener(new Error(event.message || 'the worker could not start'));
      }),
    keepAlive: () => {},
    terminate: () => worker.terminate(),
  };
}

/** Starts the worker script of this package. Throws where the page's policy forbids workers. */
export async function startThread(): Promise<Thread> {
  const url = workerUrl();
  return isNode ? startNodeThread(url) : startBrowserThread(url);
}
