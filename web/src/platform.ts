/** True in Node; Deno and Bun answer like Node where it matters here. */
export const isNode: boolean =
  typeof process !== 'undefined' &&
  typeof process.versions?.node === 'string' &&
  typeof window === 'undefined';

/** What the worker client needs of a thread, the same in browsers and in Node. */
export interface Thread {
  post(message: unknown, transfer?: Transferable[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** A crash, or that the thread could not start. */
  onError(listener: (error: unknown) => void): void;
  /** Whether a waiting thread keeps the process alive (Node); browsers ignore it. */
  keepAlive(on: boolean): void;
  terminate(): void;
}
