import { acquireEngine, releaseEngine } from './engine/host.js';
import type { Capabilities } from './types.js';

/** Which module runs here, with how many threads, and everything that fell back and why. */
export async function capabilities(): Promise<Capabilities> {
  const host = await acquireEngine();
  try {
    return await host.engine.capabilities();
  } finally {
    await releaseEngine();
  }
}
