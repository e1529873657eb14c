// The engines that cases run in: name -> (options) => run(bytes, feedsFor), which gives the outputs
// in the model's order. feedsFor(names) gives the feeds of a model whose inputs have those names.

async function whittle({ tier, wasm }) {
  const { configure, createSession, loadModel } = await import('whittle-nn');
  // In place: a case that crashes the module ends this process, not a worker of it.
  configure({
    worker: false,
    threads: 1,
    ...(tier ? { tier } : {}),
    ...(wasm ? { wasmUrl: wasm } : {}),
  });
  return async (bytes, feedsFor) => {
    const model = await loadModel(bytes);
    try {
      const session = await createSession(model);
      const results = await session.run(feedsFor(model.inputs.map(({ name }) => name)));
      const names = session.outputs.map(({ name }) => name);
      await session.dispose();
      return names.map((name) => results[name]);
    } finally {
      model.dispose();
    }
  };
}

async function onnxruntimeWeb() {
  const ort = await import('onnxruntime-web/wasm');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'fatal';
  const given = ({ type, dims, data }) => new ort.Tensor(type, data, dims);
  return async (bytes, feedsFor) => {
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    try {
      const feeds = Object.entries(feedsFor(session.inputNames));
      const results = await session.run(
        Object.fromEntries(feeds.map(([name, value]) => [name, given(value)])),
      );
      return session.outputNames.map((name) => results[name]);
    } finally {
      await session.release();
    }
  };
}

export const engines = { whittle, 'onnxruntime-web': onnxruntimeWeb };
