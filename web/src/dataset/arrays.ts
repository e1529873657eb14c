import { WhittleError } from '../errors.js';
import type { Dataset, Tensor } from '../types.js';

/** The n-th slice of a tensor along its first axis, kept as a batch of one. */
function sliceFirst(tensor: Tensor, index: number, count: number): Tensor {
  const step = tensor.data.length / count;
  return {
    type: tensor.type,
    dims: [1, ...tensor.dims.slice(1)],
    data: tensor.data.slice(index * step, (index + 1) * step),
  };
}

/**
 * A dataset from whole arrays by input name, the first axis counting samples; each sample is fed as
 * a batch of one. `labels` gives the right classes. Throws SHAPE_MISMATCH when lengths differ,
 * EMPTY_DATA when there are no samples.
 */
export function arrays(source: Record<string, Tensor>, labels?: ArrayLike<number>): Dataset {
  const entries = Object.entries(source);
  const count = entries[0]?.[1].dims[0] ?? 0;
  if (count === 0)
    throw new WhittleError('EMPTY_DATA', 'Expected samples along the first axis but received none');
  for (const [name, tensor] of entries) {
    if (tensor.dims[0] !== count) {
      throw new WhittleError(
        'SHAPE_MISMATCH',
        `Expected ${count} samples along the first axis of '${name}' but received ${tensor.dims[0] ?? 'a scalar'}`,
        { where: name },
      );
    }
  }
  if (labels && labels.length !== count) {
    throw new WhittleError(
      'SHAPE_MISMATCH',
      `Expected ${count} labels but received ${labels.length}`,
      { where: 'labels' },
    );
  }
  return function* () {
    for (let i = 0; i < count; i++) {
      const feeds = Object.fromEntries(
        entries.map(([name, tensor]) => [name, sliceFirst(tensor, i, count)]),
      );
      const label = labels?.[i];
      yield { feeds, id: `#${i}`, ...(label === undefined ? {} : { label }) };
    }
  };
}
