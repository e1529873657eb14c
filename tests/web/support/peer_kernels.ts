// node --import tsx peer_kernels.ts model.onnx feeds.json: runs a model once in onnxruntime-web
// and prints what each kernel was given, as onnxruntime's profile has it. A process of its own,
// because onnxruntime-web writes the profile to the console.
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';

const [model = '', feeds = ''] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(model)), {
  enableProfiling: true,
  logSeverityLevel: 3,
});
const given = JSON.parse(readFileSync(feeds, 'utf8')) as Record<
  string,
  { dims: number[]; data: number[] }
>;
await session.run(
  Object.fromEntries(
    Object.entries(given).map(([name, { dims, data }]) => [
      name,
      new ort.Tensor('float32', Float32Array.from(data), dims),
    ]),
  ),
);
session.endProfiling();
