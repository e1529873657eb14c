import { WhittleError, type Progress } from 'whittle-nn';
import { ErrorNote } from '../parts/error_note.js';
import type { RunState } from './use_run.js';

interface RunPanelProps {
  state: RunState;
  /** Why it cannot run, or undefined. */
  obstacle: string | undefined;
  onRun: (force: boolean) => void;
}

function etaText(etaMs: number | undefined): string {
  if (etaMs === undefined || etaMs < 1000) return '';
  const seconds = Math.round(etaMs / 1000);
  return seconds < 90 ? `${seconds} s left` : `${Math.round(seconds / 60)} min left`;
}

function ProgressLine({ progress, status }: { progress: Progress | undefined; status: string }) {
  const { stage = '', layer = '', done = 0, total, etaMs } = progress ?? {};
  return (
    <div class="progress">
      <progress
        aria-label="Progress of this stage"
        max={1}
        {...(progress && !total ? {} : { value: total ? done / total : 0 })}
      />
      <p>
        <span class="cut">{progress ? `${stage} ${layer}` : status || 'Ready'}</span>
        <span class="muted nowrap">
          {[total ? `${done} of ${total}` : '', etaText(etaMs)].filter(Boolean).join(', ')}
        </span>
      </p>
    </div>
  );
}

/** The button, how far it is, and how it ended. */
export function RunPanel({ state, obstacle, onRun }: RunPanelProps) {
  const { progress, error, status, cancel } = state;
  const suspect = error instanceof WhittleError && error.code === 'PREPROCESSING_SUSPECT';
  return (
    <section class="panel run" aria-label="Run">
      <div class="run-line">
        <button
          type="button"
          class="primary"
          disabled={progress !== undefined || obstacle !== undefined}
          title={obstacle}
          onClick={() => onRun(false)}
        >
          Run
        </button>
        <button type="button" disabled={progress === undefined} onClick={cancel}>
          Cancel
        </button>
      </div>
      <ProgressLine progress={progress} status={obstacle ?? status} />
      <p class="hidden" role="status">
        {status}
      </p>
      <ErrorNote error={error}>
        {suspect && (
          <button type="button" onClick={() => onRun(true)}>
            Run anyway
          </button>
        )}
      </ErrorNote>
    </section>
  );
}
