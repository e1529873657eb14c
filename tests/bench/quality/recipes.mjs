/** The recipes behind the rows. */

export const PLAIN = [{ technique: 'quantize-static', calibrator: 'minmax' }];
export const NARROW_WEIGHTS = [{ technique: 'quantize-weights' }];

/** Static int8 for accuracy without labels, by model where one needs more than the others. */
export const staticRecipe = (_name) => PLAIN;
