/** The recipes behind the rows. */

export const PLAIN = [{ technique: 'quantize-static', calibrator: 'minmax', samples: 0 }];
export const PLAIN_PER_TENSOR = [
  {
    technique: 'quantize-static',
    calibrator: 'minmax',
    weights: 'tensor',
    depthwise: 'as-weights',
  },
];
export const EQUALIZED_PER_TENSOR = [
  { technique: 'equalize', weights: 'tensor', depthwise: 'as-weights', clip: 'min' },
  ...PLAIN_PER_TENSOR,
];
export const NARROW_WEIGHTS = [{ technique: 'quantize-weights' }];
export const FOUR_BITS = [
  { technique: 'quantize-weights', bits: 4, block: 64, rounding: 'gptq-sequential' },
];
export const PALETTE = [{ technique: 'palettize', bits: 4, rounding: 'gptq' }];

/** Static int8 for accuracy without labels: the steps of the presets, on all samples. */
export const STATIC = [
  { technique: 'equalize', typical: 0.5, samples: 0 },
  {
    technique: 'quantize-static',
    calibrator: 'outputs',
    minSqnr: 20,
    floatBudget: 0.1,
    samples: 0,
  },
  { technique: 'bias-correct' },
];
