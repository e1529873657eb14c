import { getConfig } from '../config.js';

/** Addresses of one module: Emscripten's script and the WebAssembly beside it. */
export interface ModuleAddress {
  glue: string;
  wasm: string;
}

/**
 * Where each module lies: beside the bundle that this file becomes part of. Written out one by one,
 * because that is the form in which bundlers see that these files are needed, copy them as they are,
 * and put their new names here.
 */
const MODULES: Readonly<Record<string, readonly [URL, URL]>> = {
  'whittle-relaxed-threads': [
    new URL('./wasm/whittle-relaxed-threads.mjs', import.meta.url),
    new URL('./wasm/whittle-relaxed-threads.wasm', import.meta.url),
  ],
  'whittle-relaxed': [
    new URL('./wasm/whittle-relaxed.mjs', import.meta.url),
    new URL('./wasm/whittle-relaxed.wasm', import.meta.url),
  ],
  'whittle-simd128-threads': [
    new URL('./wasm/whittle-simd128-threads.mjs', import.meta.url),
    new URL('./wasm/whittle-simd128-threads.wasm', import.meta.url),
  ],
  'whittle-simd128': [
    new URL('./wasm/whittle-simd128.mjs', import.meta.url),
    new URL('./wasm/whittle-simd128.wasm', import.meta.url),
  ],
  'whittle-scalar': [
    new URL('./wasm/whittle-scalar.mjs', import.meta.url),
    new URL('./wasm/whittle-scalar.wasm', import.meta.url),
  ],
};

/** The worker's script. It is complete in itself, so it may be copied and renamed. */
export const workerUrl = (): URL => new URL('./worker.js', import.meta.url);

/** Addresses of every module, in the folder that configure({wasmUrl}) names or beside the bundle. */
export function moduleAddresses(): Record<string, ModuleAddress> {
  const { wasmUrl } = getConfig().engine;
  return Object.fromEntries(
    Object.entries(MODULES).map(([name, [glue, wasm]]) => [
      name,
      wasmUrl === undefined
        ? { glue: glue.href, wasm: wasm.href }
        : {
            glue: new URL(`${name}.mjs`, wasmUrl).href,
            wasm: new URL(`${name}.wasm`, wasmUrl).href,
          },
    ]),
  );
}
