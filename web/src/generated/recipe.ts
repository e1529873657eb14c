import type { Gate } from '../compare.js';
import type { ImageInput } from '../dataset/preprocess.js';

/** Picks layers and may override the step's options for them; later rules win. */
export type LayerRule<Options> = Partial<Options> & {
  /** Glob over original names. */
  name?: string;
  op?: string;
  index?: number;
  skip?: boolean;
};

export interface StepBase<Options> {
  layers?: readonly LayerRule<Options>[];
  /** Keep the step even when it makes the file larger. */
  keep?: boolean;
}

export interface Fp16Options {
  /** Make every value inside the model float16 too, with casts at its inputs and outputs. Default false. */
  "graph"?: boolean;
}

export interface QuantizeDynamicOptions {
  /** Make convolutions integer as well (ConvInteger). Default false. */
  "convolutions"?: boolean;
  /** "weights": 8-bit weights, float arithmetic; "dynamic": com.microsoft.DynamicQuantizeLSTM. Default "weights". */
  "lstm"?: "weights" | "dynamic";
}

export interface QuantizeStaticOptions {
  /** Type of the activations: unsigned or signed 8 bit. Default "u8". */
  "activations"?: "u8" | "s8";
  /** One weight scale per output channel, or one per tensor. Default "channel". */
  "weights"?: "channel" | "tensor";
  /** How ranges follow from the samples: "minmax" takes the extremes. Default "minmax". */
  "calibrator"?: "minmax";
  /** Most calibration samples to look at; 0 takes all. 0 or more. Default 128. */
  "samples"?: number;
  /** Whether the first and the last layer become integer too, or stay float. Default "int8". */
  "firstLast"?: "int8" | "float";
  /** Activation ranges by value name, as a report writes them; no data is needed then. */
  "ranges"?: Record<string, readonly [number, number]>;
}

export interface QuantizeWeightsOptions {

}

export interface RoundForCompressionOptions {
  /** Signal-to-noise ratio every slice of a weight keeps; lower is smaller. In dB. 6 to 120. Default 36. */
  "sqnr"?: number;
  /** "grid": multiples of a power of two per slice; "mantissa": fewer mantissa bits. Default "grid". */
  "method"?: "grid" | "mantissa";
}

export interface SimplifyOptions {

}

export interface SvdOptions {
  /** Share of the squared singular values to keep; chooses the rank of each layer. 0 to 1. Default 0.95. */
  "energy"?: number;
  /** Fixed rank, in place of energy. 1 or more. */
  "rank"?: number;
  /** Share of the layer's parameters to keep, in place of energy. 0 to 1. */
  "ratio"?: number;
  /** Leave a layer alone when two factors would hold as many numbers as one. Default true. */
  "breakEven"?: boolean;
}

export type Step =
  | ({ technique: 'fp16' } & Fp16Options & StepBase<Fp16Options>)
  | ({ technique: 'quantize-dynamic' } & QuantizeDynamicOptions & StepBase<QuantizeDynamicOptions>)
  | ({ technique: 'quantize-static' } & QuantizeStaticOptions & StepBase<QuantizeStaticOptions>)
  | ({ technique: 'quantize-weights' } & QuantizeWeightsOptions & StepBase<QuantizeWeightsOptions>)
  | ({ technique: 'round-for-compression' } & RoundForCompressionOptions & StepBase<RoundForCompressionOptions>)
  | ({ technique: 'simplify' } & SimplifyOptions & StepBase<SimplifyOptions>)
  | ({ technique: 'svd' } & SvdOptions & StepBase<SvdOptions>);

/** What to do to a model, as data. */
export interface Recipe {
  whittle: 1;
  /** Default 0. */
  seed?: number;
  target?: 'whittle' | 'ort-web' | 'ort-node';
  /** How samples are made from images; read by the command line and the page. */
  input?: { image: Partial<ImageInput> };
  gate?: Gate;
  steps: readonly Step[];
}
