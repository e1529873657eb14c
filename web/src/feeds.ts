import { WhittleError } from './errors.js';
import { didYouMean, expected, isObject, isTypedArray } from './is.js';
import type {
  DType,
  Feeds,
  NamedValues,
  Sample,
  Tensor,
  TypedArray,
  Value,
  ValueInfo,
} from './types.js';
import type { SampleData } from './engine/protocol.js';

/** The array class that holds each element type. */
const ARRAY_OF: Readonly<
  Record<Exclude<DType, 'string'>, abstract new (...args: never[]) => TypedArray>
> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
  float8e4m3fn: Uint8Array,
  float8e4m3fnuz: Uint8Array,
  float8e5m2: Uint8Array,
  float8e5m2fnuz: Uint8Array,
  float8e8m0: Uint8Array,
  float4e2m1: Uint8Array,
  int2: Uint8Array,
  uint2: Uint8Array,
};

/** A bare typed array as the tensor the input declares; at most the first dimension may be open. */
function declaredTensor(info: ValueInfo, data: TypedArray): Tensor {
  const dims = info.dims;
  const open = dims?.filter((dim) => typeof dim !== 'number').length ?? Infinity;
  const known =
    dims?.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1) ?? 0;
  if (!dims || open > 1 || (open === 1 && (known === 0 || data.length % known !== 0))) {
    throw new WhittleError(
      'SHAPE_MISMATCH',
      `Expected a tensor {type, dims, data} for input '${info.name}' of shape [${dims?.map((d) => d ?? '?').join(',') ?? '?'}] but received a bare ${data.constructor.name} of ${data.length} elements`,
      { where: info.name },
    );
  }
  return {
    type: info.type,
    dims: dims.map((dim) => (typeof dim === 'number' ? dim : data.length / known)),
    data,
  };
}

function checkTensor(tensor: Tensor, name: string): void {
  if (!isObject(tensor) || !Array.isArray(tensor.dims)) {
    throw expected(
      'a typed array or a tensor {type, dims, data}',
      `input '${name}'`,
      tensor,
      'INVALID_DATA',
    );
  }
  if (tensor.type === 'string') {
    if (!Array.isArray(tensor.data))
      throw expected('an array of strings', `input '${name}'`, tensor.data, 'TYPE_MISMATCH');
    return;
  }
  const wanted = ARRAY_OF[tensor.type];
  if (!wanted)
    throw expected('an element type', `the type of input '${name}'`, tensor.type, 'TYPE_MISMATCH');
  const clamped = tensor.type === 'uint8' && tensor.data instanceof Uint8ClampedArray;
  if (!(tensor.data instanceof wanted) && !clamped) {
    throw expected(
      `a ${wanted.name} for ${tensor.type}`,
      `input '${name}'`,
      tensor.data,
      'TYPE_MISMATCH',
    );
  }
}

function completeTensor(info: ValueInfo, given: Tensor | TypedArray, transfer: boolean): Tensor {
  const tensor = isTypedArray(given) ? declaredTensor(info, given) : given;
  checkTensor(tensor, info.name);
  return {
    type: tensor.type,
    dims: [...tensor.dims],
    data: transfer ? tensor.data : tensor.data.slice(),
  };
}

function completeValue(info: ValueInfo, given: Feeds[string], transfer: boolean): Value {
  const { name, kind = '' } = info;
  const inside = kind ? { ...info, dims: info.elementDims ?? null } : info;
  if (kind.startsWith('optional') && given === null) return null;
  if (kind.endsWith('sequence')) {
    if (!Array.isArray(given))
      throw expected('an array of tensors', `input '${name}'`, given, 'TYPE_MISMATCH');
    return given.map((item: Tensor | TypedArray) => completeTensor(inside, item, transfer));
  }
  return completeTensor(inside, given as Tensor | TypedArray, transfer);
}

/**
 * Feeds as complete values. Throws UNKNOWN_INPUT, MISSING_INPUT, TYPE_MISMATCH, SHAPE_MISMATCH. The
 * data is copied unless `transfer`, in which case whole buffers are given up. Inputs in `optional`
 * may be missing.
 */
export function completeFeeds(
  inputs: readonly ValueInfo[],
  feeds: Feeds,
  transfer = false,
  optional: ReadonlySet<string> = new Set(),
): NamedValues {
  const names = inputs.map((info) => info.name);
  const complete: NamedValues = {};
  for (const [name, given] of Object.entries(feeds)) {
    const info = inputs.find((input) => input.name === name);
    if (!info) {
      throw new WhittleError(
        'UNKNOWN_INPUT',
        `Expected inputs named ${names.map((n) => `'${n}'`).join(', ')} but received '${name}'${didYouMean(name, names)}`,
        { where: name },
      );
    }
    complete[name] = completeValue(info, given, transfer);
  }
  const mayMiss = ({ name, kind }: ValueInfo): boolean =>
    optional.has(name) || (kind?.startsWith('optional') ?? false);
  const missing = inputs.find((info) => !(info.name in complete) && !mayMiss(info))?.name;
  if (missing !== undefined) {
    throw new WhittleError(
      'MISSING_INPUT',
      `Expected a tensor for input '${missing}' but received none`,
      { where: missing },
    );
  }
  return complete;
}

/** A sample as it crosses to the engine. Messages name it by its id or number. */
export function completeSample(
  inputs: readonly ValueInfo[],
  sample: Sample,
  index: number,
): SampleData {
  const id = sample.id ?? `#${index}`;
  if (!isObject(sample) || !isObject(sample.feeds)) {
    throw expected('{feeds, label?, id?}', `sample ${id}`, sample, 'INVALID_DATA');
  }
  try {
    const feeds = completeFeeds(inputs, sample.feeds);
    return { feeds, id, ...(typeof sample.label === 'number' ? { label: sample.label } : {}) };
  } catch (error) {
    if (!(error instanceof WhittleError)) throw error;
    throw new WhittleError('INVALID_DATA', `${error.message} (sample ${id})`, {
      where: id,
      cause: error,
    });
  }
}
