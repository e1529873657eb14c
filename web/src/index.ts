export { loadModel, type Model } from './model.js';
export {
  createSession,
  type BenchmarkOptions,
  type RunOptions,
  type Session,
  type SessionOptions,
} from './session.js';
export {
  compress,
  explain,
  presetRecipe,
  type CompressOptions,
  type Plan,
  type PlannedStep,
  type Preset,
} from './compress.js';
export { compare, type CompareOptions, type Gate } from './compare.js';
export { compareLayers, type CompareLayersOptions } from './layers.js';
export {
  convert,
  simplify,
  type QuantizedForm,
  type Rewritten,
  type SimplifyOptions,
} from './rewrite.js';
export { images } from './dataset/images.js';
export { arrays } from './dataset/arrays.js';
export { synthetic } from './dataset/synthetic.js';
export { capabilities } from './capabilities.js';
export { configure, type Configuration } from './config.js';
export { useBrotli } from './sizes.js';
export { WhittleCrashError, WhittleError, type Code } from './errors.js';
export { version } from './generated/version.js';
export { techniques, type Technique, type TechniqueOption } from './techniques.js';

export type { ImageInput, ImagePreset } from './dataset/preprocess.js';
export type { Latency, LatencyStats } from './latency.js';
export type { LayerSummary, Summary } from './summary.js';
export type { Recipe } from './generated/recipe.js';
export type { LayerComparison, Report } from './generated/report.js';
export type {
  Capabilities,
  Dataset,
  Dim,
  DType,
  Feeds,
  Long,
  NamedValues,
  Progress,
  Sample,
  Source,
  Tensor,
  Tensors,
  Tier,
  TypedArray,
  Value,
  ValueInfo,
} from './types.js';
