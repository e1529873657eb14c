import { fromErrorData, WhittleCrashError, type WhittleError } from '../errors.js';
import { isNode, type Thread } from '../platform.js';
import type { Engine, Method, Reply, Request, StartOptions } from './protocol.js';
import { startThread } from './thread.js';
import { transferables } from './transfer.js';

interface Pending {
  resolve: (value: never) => void;
  reject: (error: WhittleError) => void;
}

/** Methods whose tensors the caller has given up (copied before, or `transfer: true`). */
const TRANSFERS: ReadonlySet<Method> = new Set<Method>(['appendFile', 'run', 'step']);

/** The engine in a worker: calls go out with a number, replies come back with it. */
export class Client {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private failure: WhittleCrashError | undefined;

  private constructor(private readonly thread: Thread) {
    thread.onMessage((message) => this.settle(message as Reply));
    thread.onError((error) => this.crash(error));
    thread.keepAlive(false);
  }

  /** Starts a worker and loads the module there. Rejects where workers are not allowed. */
  static async start(options: StartOptions): Promise<Client> {
    const thread = await startThread();
    if (!isNode) await untilReady(thread);
    const client = new Client(thread);
    await client.call('start', [options]);
    return client;
  }

  /** True after a crash or terminate(): every further call fails. */
  get dead(): boolean {
    return this.failure !== undefined;
  }

  call(
    method: Request['method'],
    args: readonly unknown[],
    transfer: Transferable[] = [],
  ): Promise<unknown> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.thread.keepAlive(true);
      this.thread.post({ id, method, args } satisfies Request, transfer);
    });
  }

  terminate(reason: unknown = new Error('the engine was shut down')): void {
    this.crash(reason);
    this.thread.terminate();
  }

  private settle(reply: Reply | { ready: true }): void {
    if ('ready' in reply) return;
    const waiting = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if (this.pending.size === 0) this.thread.keepAlive(false);
    if ('error' in reply) {
      const error = fromErrorData(reply.error);
      waiting?.reject(error);
      if (error instanceof WhittleCrashError) this.terminate(error.cause);
    } else {
      waiting?.resolve(reply.value as never);
    }
  }

  private crash(cause: unknown): void {
    this.failure ??= new WhittleCrashError(cause);
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
    this.thread.keepAlive(false);
  }
}

/** A browser's worker says when its script has run; a policy that forbids it shows as an error. */
function untilReady(thread: Thread): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.onMessage((message) => {
      if (typeof message === 'object' && message !== null && 'ready' in message) resolve();
    });
    thread.onError(reject);
  });
}

/** The Engine whose every method is a call to the worker. */
export function remoteEngine(client: Client): Engine {
  return new Proxy({} as Engine, {
    get: (_, method) => {
      if (typeof method !== 'string' || method === 'then') return undefined;
      const name = method as Method;
      return (...args: unknown[]) =>
        client.call(name, args, TRANSFERS.has(name) ? transferables(args) : []);
    },
  });
}
