import { basename } from 'node:path';
import type { Tensor, Tensors, TypedArray, ValueInfo } from 'whittle-nn';

/** Dimensions that a model leaves open, where 1 would not be a sensible run. */
const kOpenDims: Readonly<Record<string, Record<string, readonly number[]>>> = {
  'retinaface_mbnet0.25.onnx': { input: [1, 3, 320, 320] },
  'yunet_n_dynamic.onnx': { input: [1, 3, 320, 320] },
  'ppocrv3_text_det_en.onnx': { x: [1, 3, 320, 320] },
  'silero_vad_16k.onnx': { input: [1, 576], state: [2, 1, 128], sr: [] },
  'silero_vad_fp16.onnx': { input: [1, 576], state: [2, 1, 128], sr: [] },
  'byte_bidi_lstm.onnx': { input: [1, 32] },
  'tiny_random_bert.onnx': { input_ids: [1, 16], attention_mask: [1, 16] },
  'oww_melspectrogram.onnx': { input: [1, 16000] },
  'ndm_gru.onnx': { sensor_input: [1, 10, 4], setpoint_input: [1, 1] },
  'qlstm.onnx': { input: [3, 3] },
};

function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function dataFor(info: ValueInfo, count: number, next: () => number): TypedArray {
  if (info.name === 'sr') return BigInt64Array.of(16000n);
  if (info.name === 'attention_mask') return new BigInt64Array(count).fill(1n);
  if (info.type === 'int64')
    return new BigInt64Array(count).map(() => BigInt(Math.floor(next() * 100)));
  if (info.type === 'int32') return new Int32Array(count).map(() => Math.floor(next() * 100));
  if (info.type === 'uint8') return new Uint8Array(count).map(() => Math.floor(next() * 128));
  return new Float32Array(count).map(() => next() * 2 - 1);
}

/** Seeded inputs that a model can take. */
export function feedsFor(file: string, inputs: readonly ValueInfo[], seed: number): Tensors {
  const next = generator(seed);
  const open = kOpenDims[basename(file)] ?? {};
  return Object.fromEntries(
    inputs.map((info): [string, Tensor] => {
      const dims =
        open[info.name] ?? info.dims?.map((dim) => (typeof dim === 'number' ? dim : 1)) ?? [];
      const count = dims.reduce((product, dim) => product * dim, 1);
      return [info.name, { type: info.type, dims, data: dataFor(info, count, next) }];
    }),
  );
}
