import { useEffect, useState } from 'preact/hooks';
import { compareLayers, type LayerComparison, type Model, type Progress } from 'whittle-nn';
import type { Outcome } from '../result/use_run.js';

export interface LayersState {
  /** Of the last outcome that was compared; stays until the next one is. */
  comparison: LayerComparison | undefined;
  progress: Progress | undefined;
  error: unknown;
  /** Compares from now on, every outcome. */
  start(): void;
}

/** Enough for a ratio; a layer's error hardly differs between samples. */
const SAMPLES = 32;

/** Compares what the layers of both models make, once asked and after every run from then on. */
export function useLayers(original: Model, outcome: Outcome | undefined): LayersState {
  const [wanted, setWanted] = useState(false);
  const [comparison, setComparison] = useState<LayerComparison>();
  const [progress, setProgress] = useState<Progress>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const data = outcome?.data.evaluation ?? outcome?.data.data;
    if (!wanted || !outcome || !data) return;
    const controller = new AbortController();
    const { signal } = controller;
    const look = async (): Promise<void> => {
      setError(undefined);
      setProgress({ stage: 'layers', done: 0 });
      try {
        const onProgress = (p: Progress): void => {
          if (!signal.aborted) setProgress(p);
        };
        const options = { samples: SAMPLES, signal, onProgress };
        const found = await compareLayers(original, outcome.model, data, options);
        if (!signal.aborted) setComparison(found);
      } catch (reason) {
        if (!signal.aborted) setError(reason);
      } finally {
        if (!signal.aborted) setProgress(undefined);
      }
    };
    void look();
    return () => controller.abort();
  }, [original, outcome, wanted]);
  return { comparison, progress, error, start: () => setWanted(true) };
}
