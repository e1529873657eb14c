import { isSynthetic } from './dataset/dataset.js';
import { driveJob } from './drive.js';
import { startEngine, type EngineHost } from './engine/host.js';
import type { LayerComparison } from './generated/report.js';
import { checkKeys, expected } from './is.js';
import { runLong } from './long.js';
import { transplant } from './measure.js';
import type { Model } from './model.js';
import type { Dataset, Long, Progress } from './types.js';

export interface CompareLayersOptions extends Long {
  /** Look at no more than so many samples (default: all). */
  samples?: number;
}

/** Runs both models, which live in `host`, and compares what their layers make. */
export async function layersOf(
  host: EngineHost,
  original: Model,
  compressed: Model,
  data: Dataset,
  report: (progress: Progress) => void,
  limit?: number,
): Promise<LayerComparison> {
  const job = await host.engine.startCompareLayers(original.handle.id, compressed.handle.id);
  try {
    await driveJob(host, job, original.inputs, data, report, limit);
    const found = (await host.engine.jobReport(job)) as LayerComparison;
    return { ...found, synthetic: isSynthetic(data) };
  } finally {
    await host.engine.free(job).catch(() => {});
  }
}

/**
 * Compares what the layers of an original and of its compressed form make of the same samples: the
 * ratio of signal to error of each tensor both have, worst first. Tensors are matched by name, which
 * compression keeps; a layer without a counterpart is listed with the reason. Memory does not grow
 * with the number of samples. Rejects with EMPTY_DATA, INVALID_DATA, SHAPE_MISMATCH (inputs or
 * outputs without counterpart), INVALID_OPTION.
 */
export async function compareLayers(
  original: Model,
  compressed: Model,
  data: Dataset,
  o: CompareLayersOptions = {},
): Promise<LayerComparison> {
  checkKeys(o, ['samples', 'signal', 'onProgress'], 'compareLayers');
  if (o.samples !== undefined && !(Number.isInteger(o.samples) && o.samples >= 1)) {
    throw expected('a whole number of at least 1', 'samples', o.samples);
  }
  const host = await startEngine();
  try {
    return await runLong(o, async (progress) => {
      const a = await transplant(original, host);
      const b = await transplant(compressed, host);
      return layersOf(host, a.model, b.model, data, progress, o.samples);
    });
  } finally {
    host.end();
  }
}
