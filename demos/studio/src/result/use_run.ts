import { useEffect, useRef, useState } from 'preact/hooks';
import {
  compress,
  type Gate,
  type Model,
  type Progress,
  type Recipe,
  type Report,
} from 'whittle-nn';
import type { Data } from '../data/dataset.js';

/** What came out of a run. */
export interface Outcome {
  model: Model;
  report: Report;
  bytes: Uint8Array;
  /** What it was made and measured with. */
  data: Data;
}

export interface Job {
  model: Model;
  recipe: Recipe;
  gate: Gate;
  data: Data;
  /** Go on although the original does no better than chance. */
  force?: boolean;
}

export interface RunState {
  progress: Progress | undefined;
  outcome: Outcome | undefined;
  error: unknown;
  /** One sentence about how the last run ended. */
  status: string;
  run(job: Job): void;
  cancel(): void;
  /** Forgets the outcome, for another model. */
  clear(): void;
}

async function carryOut(job: Job, signal: AbortSignal, onProgress: (p: Progress) => void) {
  const { model, recipe, gate, data, force } = job;
  const made = await compress(model, recipe, {
    ...data,
    ...(Object.keys(gate).length > 0 ? { gate } : {}),
    ...(force ? { force } : {}),
    // A missed gate is shown as one; what to do about it is for whoever looks at the page.
    keep: true,
    signal,
    onProgress,
  });
  return { ...made, data, bytes: await made.model.toBytes() };
}

/** Runs one recipe at a time. The last outcome stays until the next one is there. */
export function useRun(): RunState {
  const [progress, setProgress] = useState<Progress>();
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<unknown>();
  const [status, setStatus] = useState('');
  const running = useRef<AbortController>();
  const current = useRef<Outcome>();

  const keep = (next: Outcome | undefined): void => {
    current.current?.model.dispose();
    current.current = next;
    setOutcome(next);
  };
  useEffect(() => () => current.current?.model.dispose(), []);

  const run = async (job: Job): Promise<void> => {
    running.current?.abort();
    const controller = (running.current = new AbortController());
    const { signal } = controller;
    setError(undefined);
    setStatus('Running');
    setProgress({ stage: 'start', done: 0 });
    try {
      const next = await carryOut(job, signal, setProgress);
      if (signal.aborted) return next.model.dispose();
      keep(next);
      setStatus('Done');
    } catch (reason) {
      if (running.current !== controller) return;
      if (signal.aborted) setStatus('Cancelled');
      else {
        setError(reason);
        setStatus('Failed');
      }
    } finally {
      if (running.current === controller) {
        running.current = undefined;
        setProgress(undefined);
      }
    }
  };

  return {
    progress,
    outcome,
    error,
    status,
    run: (job) => void run(job),
    cancel: () => running.current?.abort(),
    clear: () => {
      running.current?.abort();
      running.current = undefined;
      setProgress(undefined);
      setError(undefined);
      setStatus('');
      keep(undefined);
    },
  };
}
