import { loadModel, type Model } from '../model.js';
import type { ProgressLine } from './progress.js';

/** Runs `body` with loaded models and disposes of them whatever happens. */
export async function withModels<T>(
  files: readonly string[],
  progress: ProgressLine,
  body: (...models: Model[]) => Promise<T>,
): Promise<T> {
  const models: Model[] = [];
  try {
    for (const file of files) models.push(await loadModel(file, { onProgress: progress.update }));
    return await body(...models);
  } finally {
    progress.clear();
    for (const model of models) model.dispose();
  }
}
