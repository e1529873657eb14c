import * as ort from 'onnxruntime-web';
import type { Tensor, Tensors, TypedArray } from 'whittle-nn';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** The same model in onnxruntime-web. Its integer arithmetic never saturates, unlike the native one's. */
export async function peerSession(bytes: Uint8Array): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 });
}

export async function peerRun(session: ort.InferenceSession, feeds: Tensors): Promise<Tensors> {
  const given = Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => [
      name,
      new ort.Tensor(type as 'float32', data as Float32Array, [...dims]),
    ]),
  );
  const outputs = await session.run(given);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, t]) => [
      name,
      { type: t.type as Tensor['type'], dims: t.dims, data: t.data as TypedArray },
    ]),
  );
}

const numbers = (tensor: Tensor): number[] =>
  Array.from(tensor.data as ArrayLike<number | bigint>, Number);

const kLeastRange = 0.01;

/** The largest difference over the range of the expected values. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  const [a, b] = [numbers(actual), numbers(expected)];
  if (a.length !== b.length || String(actual.dims) !== String(expected.dims)) return Infinity;
  let [low, high, worst] = [Infinity, -Infinity, 0];
  for (const [i, value] of b.entries()) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    const difference = Math.abs((a[i] ?? NaN) - value);
    if (Number.isNaN(difference) && !Number.isNaN(value)) return Infinity;
    worst = Math.max(worst, difference);
  }
  // An output of one value has no range: its magnitude serves. onnxruntime's sigmoid is good to some
  // 1e-7, so an output that hardly leaves zero has no range to speak of either.
  return worst / Math.max(high - low, Math.abs(high), kLeastRange);
}

/** The share of values that differ by at most `step`. */
export function shareWithin(actual: Tensor, expected: Tensor, step: number): number {
  const [a, b] = [numbers(actual), numbers(expected)];
  const within = a.filter((value, i) => Math.abs(value - (b[i] ?? NaN)) <= step * 1.0001).length;
  return a.length === b.length ? within / a.length : 0;
}

export function argmax(tensor: Tensor): number {
  const values = numbers(tensor);
  return values.indexOf(Math.max(...values));
}
