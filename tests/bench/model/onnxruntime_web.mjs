/** onnxruntime-web's WebAssembly build without GPU, one thread, in the calling thread. */

import * as ort from '/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

export async function onnxruntimeWeb(bytes, feeds) {
  const session = await ort.InferenceSession.create(bytes.slice(), {
    executionProviders: ['wasm'],
  });
  const given = Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => [
      name,
      new ort.Tensor(type, data, dims),
    ]),
  );
  return {
    name: 'onnxruntime-web',
    run: async () => {
      const outputs = await session.run(given);
      return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    },
  };
}
