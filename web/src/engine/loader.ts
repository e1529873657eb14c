import { relaxedSimd, simd, threads as threadSupport } from 'wasm-feature-detect';

import { WhittleError } from '../errors.js';
import { version } from '../generated/version.js';
import { isNode } from '../platform.js';
import type { Capabilities, Tier } from '../types.js';
import type { CreateWhittle, WhittleModule } from './module.js';
import type { EngineOptions, StartOptions } from './protocol.js';

export interface LoadedModule {
  module: WhittleModule;
  variant: Capabilities['variant'];
  fallbacks: string[];
  version: string;
}

const MAX_AUTO_THREADS = 4;

async function pickTier(options: EngineOptions, fallbacks: string[]): Promise<Tier> {
  const supported: Record<Tier, () => Promise<boolean>> = {
    relaxed: relaxedSimd,
    simd128: simd,
    scalar: async () => true,
  };
  const tiers: Tier[] = ['relaxed', 'simd128', 'scalar'];
  if (options.tier !== 'auto') {
    if (await supported[options.tier]()) return options.tier;
    throw new WhittleError(
      'INVALID_OPTION',
      `Expected a tier this engine can run for tier but received '${options.tier}'`,
      { where: 'tier' },
    );
  }
  for (const tier of tiers) {
    if (await supported[tier]()) return tier;
    fallbacks.push(`This JavaScript engine has no ${tier === 'relaxed' ? 'relaxed SIMD' : 'SIMD'}`);
  }
  return 'scalar';
}

async function pickThreads(
  options: EngineOptions,
  tier: Tier,
  fallbacks: string[],
): Promise<number> {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 2;
  const wanted = options.threads === 'auto' ? Math.min(cores, MAX_AUTO_THREADS) : options.threads;
  if (wanted <= 1) return 1;
  if (tier === 'scalar') {
    fallbacks.push('The scalar module has one thread');
    return 1;
  }
  if (!isNode && typeof document !== 'undefined') {
    fallbacks.push("A browser's main thread may not wait for others: one thread");
    return 1;
  }
  if (!(await threadSupport())) {
    const isolated = isNode || globalThis.crossOriginIsolated;
    fallbacks.push(
      isolated
        ? 'This JavaScript engine has no shared WebAssembly memory: one thread'
        : 'The page is not cross-origin isolated (COOP and COEP headers): one thread',
    );
    return 1;
  }
  return wanted;
}

/** Waits until every started thread has reported; a thread that never comes only costs speed. */
async function waitForThreads(module: WhittleModule, threads: number): Promise<void> {
  for (let waited = 0; module.activeThreads() < threads && waited < 2000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Threads are workers that run the same script. One from elsewhere (a CDN) cannot be made a worker
 * directly: a one-line script of this origin imports it.
 */
function threadScript(glue: string): string | Blob {
  const sameOrigin = isNode || new URL(glue).origin === globalThis.location?.origin;
  if (sameOrigin) return glue;
  return new Blob([`import ${JSON.stringify(glue)};`], { type: 'text/javascript' });
}

async function instantiate(
  name: string,
  threads: number,
  options: StartOptions,
): Promise<WhittleModule> {
  const address = options.modules[name];
  if (!address) throw new Error(`there is no module ${name}`);
  const { glue, wasm } = address;
  const overrides: Record<string, unknown> = {
    locateFile: () => wasm,
    ...(threads > 1 ? { mainScriptUrlOrBlob: threadScript(glue) } : {}),
    ...(options.wasmBinary ? { wasmBinary: options.wasmBinary } : {}),
  };
  if (isNode && !options.wasmBinary && wasm.startsWith('file:')) {
    const { readFile } = await import('node:fs/promises');
    overrides['wasmBinary'] = await readFile(new URL(wasm));
  }
  const { default: create } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ glue)) as {
    default: CreateWhittle;
  };
  return create(overrides);
}

const moduleName = (tier: Tier, threads: number): string =>
  `whittle-${tier}${threads > 1 ? '-threads' : ''}`;

async function load(tier: Tier, threads: number, options: StartOptions): Promise<WhittleModule> {
  const name = moduleName(tier, threads);
  try {
    return await instantiate(name, threads, options);
  } catch (cause) {
    const message = `Expected to load ${name}.wasm but it failed: ${String(cause)}`;
    throw new WhittleError('LOAD_FAILED', message, {
      where: name,
      hint: 'Serve the files of the package beside the script, or set configure({wasmUrl})',
      cause,
    });
  }
}

/** Picks the module this engine can run, loads it and starts its threads. */
export async function loadModule(options: StartOptions): Promise<LoadedModule> {
  const fallbacks: string[] = [];
  const tier = await pickTier(options, fallbacks);
  const threads = await pickThreads(options, tier, fallbacks);
  if (threads > 1) {
    try {
      const module = await load(tier, threads, options);
      module.startThreads(threads);
      await waitForThreads(module, threads);
      return { module, variant: { tier, threads: true }, fallbacks, version };
    } catch (error) {
      // Shared memory can be refused where it seemed to be there (iOS); one thread still works.
      fallbacks.push(
        `The module with threads did not load (${(error as Error).message}): one thread`,
      );
    }
  }
  const module = await load(tier, 1, options);
  return { module, variant: { tier, threads: false }, fallbacks, version };
}
