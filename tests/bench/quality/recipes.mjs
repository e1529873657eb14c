/** The recipes behind the rows. */

export const PLAIN = [{ technique: 'quantize-static', calibrator: 'minmax' }];
export const PLAIN_PER_TENSOR = [
  { technique: 'quantize-static', calibrator: 'minmax', weights: 'tensor', depthwise: 'as-weights' },
];
export const EQUALIZED_PER_TENSOR = [{ technique: 'equalize' }, ...PLAIN_PER_TENSOR];
export const NARROW_WEIGHTS = [{ technique: 'quantize-weights' }];
export const FOUR_BITS = [{ technique: 'quantize-weights', bits: 4, block: 64 }];
export const PALETTE = [{ technique: 'palettize', bits: 4, weighting: 'activations' }];

/** Static int8 for accuracy without labels. */
export const STATIC = [
  { technique: 'equalize' },
  { technique: 'quantize-static', calibrator: 'mse' },
];
