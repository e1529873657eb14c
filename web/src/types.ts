/** Element types, by their ONNX names. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'int4'
  | 'uint4'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'float4e2m1'
  | 'int2'
  | 'uint2';

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * A dense row-major tensor. 16-bit floats travel as their bits in a Uint16Array, 8-bit floats in a
 * Uint8Array, booleans as 0 and 1 in one, 4- and 2-bit types packed, the first in the lowest bits of a
 * byte.
 */
export interface Tensor {
  type: DType;
  dims: readonly number[];
  data: TypedArray | readonly string[];
}

/** What an input or output holds: an array of tensors where the model says sequence, null for an
 * optional without content, else a tensor. */
export type Value = Tensor | readonly Tensor[] | null;
/**
 * Inputs by name. A bare typed array takes the model's declared shape when that is fully known. A
 * sequence is an array; an optional is its content, or null, or left out.
 */
export type Feeds = Record<string, Tensor | TypedArray | readonly (Tensor | TypedArray)[] | null>;
/** Tensors by name: the results of all models but those with sequences or optionals as outputs. */
export type Tensors = Record<string, Tensor>;
/** Values by name, as they cross to the engine. */
export type NamedValues = Record<string, Value>;

/** Anything that leads to bytes. A string is an address, in Node also a path. */
export type Bytes = string | URL | Response | Blob | ArrayBuffer | Uint8Array;
/** A model, with its external data files by the names it states (found beside it when not given). */
export type Source = Bytes | { model: Bytes; external: Record<string, Bytes> };

/** A dimension: known, named, or unknown. */
export type Dim = number | string | null;

export interface ValueInfo {
  name: string;
  /** Of the elements; in a sequence or optional, of those of the tensors inside. */
  type: DType;
  /** null: not even the rank is known, or it is no tensor. */
  dims: readonly Dim[] | null;
  /** Present where it is no tensor. */
  kind?: 'sequence' | 'optional' | 'optional sequence';
  /** The dims of the tensors inside, where the model states them. */
  elementDims?: readonly Dim[];
}

/** One input of the model, or with several inputs one complete feed. */
export interface Sample {
  feeds: Feeds;
  /** The right class, or the right outputs by name. */
  label?: number | Feeds;
  /** Names the sample in reports, for example a file name. */
  id?: string;
}

/** Something that can be read more than once: an array, or a function that starts a fresh reading. */
export type Dataset = readonly Sample[] | (() => Iterable<Sample> | AsyncIterable<Sample>);

export interface Progress {
  stage: string;
  layer?: string;
  done: number;
  total?: number;
  etaMs?: number;
}

/** Options of everything that takes long. An abort rejects with `signal.reason`. */
export interface Long {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export type Tier = 'relaxed' | 'simd128' | 'scalar';

export interface Capabilities {
  /** The module that runs. */
  variant: { tier: Tier; threads: boolean };
  /** How many threads work on one run. */
  threads: number;
  /** Where the engine runs: a worker, or the calling thread. */
  worker: boolean;
  /** One sentence for everything that fell back, and why. */
  fallbacks: readonly string[];
  version: string;
}
