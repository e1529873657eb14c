/** Our runtime in the calling thread, one session a tier over one module. */

import { configure, createSession, loadModel } from '/web/dist/index.js';

configure({ worker: false, threads: 1 });

export async function ours(bytes, feeds) {
  const model = await loadModel(bytes);
  const contenders = [];
  for (const tier of ['relaxed', 'simd128']) {
    const session = await createSession(model, { tier });
    contenders.push({
      name: tier,
      run: () => {
        const outputs = session.runSync(feeds);
        return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
      },
    });
  }
  return contenders;
}
