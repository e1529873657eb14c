/** The worker's script: a table of methods over one engine, replies matched by id. */

import { toErrorData } from './errors.js';
import { isNode } from './platform.js';
import { loadModule } from './engine/loader.js';
import { LocalEngine } from './engine/local.js';
import type { Reply, Request, StartOptions } from './engine/protocol.js';
import { transferables } from './engine/transfer.js';

/** What is used of a worker's global object; TypeScript's own type for it excludes the page's. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<Request>) => void): void;
  postMessage(message: unknown, transfer?: Transferable[]): void;
}

let engine: Promise<LocalEngine> | undefined;

async function answer(request: Request): Promise<unknown> {
  if (request.method === 'start') {
    engine = loadModule(request.args[0] as StartOptions).then(
      (loaded) => new LocalEngine(loaded, true),
    );
    await engine;
    return undefined;
  }
  const target = (await engine) as unknown as Record<
    string,
    (...args: unknown[]) => Promise<unknown>
  >;
  return target[request.method]?.(...request.args);
}

async function serve(
  request: Request,
  post: (reply: Reply, transfer: Transferable[]) => void,
): Promise<void> {
  try {
    const value = await answer(request);
    post({ id: request.id, value }, transferables(value));
  } catch (error) {
    post({ id: request.id, error: toErrorData(error) }, []);
  }
}

if (isNode) {
  const { parentPort } = await import('node:worker_threads');
  parentPort?.on('message', (request: Request) => {
    void serve(request, (reply, transfer) => parentPort.postMessage(reply, transfer as never[]));
  });
} else {
  const scope = globalThis as unknown as WorkerScope;
  scope.addEventListener('message', (event: MessageEvent<Request>) => {
    void serve(event.data, (reply, transfer) => scope.postMessage(reply, transfer));
  });
  scope.postMessage({ ready: true });
}
