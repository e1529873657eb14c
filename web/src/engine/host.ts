import { WhittleError } from '../errors.js';
import { getConfig } from '../config.js';
import { moduleAddresses } from './assets.js';
import { Client, remoteEngine } from './client.js';
import { loadModule } from './loader.js';
import { LocalEngine } from './local.js';
import type { Engine, StartOptions } from './protocol.js';

const startOptions = (): StartOptions => ({ ...getConfig().engine, modules: moduleAddresses() });

/** An engine with its life: where it runs, whether it still does, how it ends. */
export interface EngineHost {
  readonly engine: Engine;
  /** The engine itself when it runs in the calling thread, for synchronous calls. */
  readonly local: LocalEngine | undefined;
  readonly dead: boolean;
  end(reason?: unknown): void;
}

async function startRemote(): Promise<EngineHost> {
  const client = await Client.start(startOptions());
  return {
    engine: remoteEngine(client),
    local: undefined,
    get dead() {
      return client.dead;
    },
    end: (reason) => client.terminate(reason),
  };
}

async function startLocal(fallbacks: readonly string[]): Promise<EngineHost> {
  const loaded = await loadModule(startOptions());
  loaded.fallbacks.push(...fallbacks);
  const local = new LocalEngine(loaded, false);
  return { engine: local, local, dead: false, end: () => {} };
}

/** Starts a fresh engine: in a worker, or where that is not possible in the calling thread. */
export async function startEngine(): Promise<EngineHost> {
  if (getConfig().worker === false) return startLocal([]);
  try {
    return await startRemote();
  } catch (error) {
    // A module that cannot be loaded would fail here as well; only a missing worker is worked around.
    if (error instanceof WhittleError && error.code !== 'CRASHED') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return startLocal([`No worker could be started (${reason}): the engine runs in the page`]);
  }
}

let shared: Promise<EngineHost> | undefined;
let users = 0;

/** The engine that models and sessions share. A crashed one is replaced on the next call. */
export async function acquireEngine(): Promise<EngineHost> {
  users++;
  try {
    if (!shared || (await shared).dead) shared = startEngine();
    return await shared;
  } catch (error) {
    users--;
    shared = undefined;
    throw error;
  }
}

/** The last user to release it ends the worker, and its memory goes back to the system. */
export async function releaseEngine(): Promise<void> {
  if (--users > 0 || !shared) return;
  const ending = shared;
  shared = undefined;
  (await ending).end();
}
