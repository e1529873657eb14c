import { formatMs, formatShare } from 'whittle-nn/report';
import { ErrorNote } from '../parts/error_note.js';
import type { Answer } from './use_answer.js';

interface AnswerViewProps {
  title: string;
  /** Shown while there is no model to ask. */
  empty?: string | undefined;
  answer: Answer | undefined;
  error: unknown;
}

const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** What one model reads: the digit, how sure it is of each, and how long it took. */
export function AnswerView({ title, empty, answer, error }: AnswerViewProps) {
  const { probabilities = [], ms } = answer ?? {};
  const best = answer ? probabilities.indexOf(Math.max(...probabilities)) : undefined;
  return (
    <div class="answer" data-answer={best ?? ''}>
      <h3>{title}</h3>
      <p class="answer-best">
        <b>{best ?? '–'}</b>
        <span class="muted">
          {best === undefined ? (empty ?? 'draw a digit') : formatShare(probabilities[best] ?? 0)}
        </span>
        <span class="answer-ms">{ms === undefined ? '' : `${formatMs(ms)} ms`}</span>
      </p>
      <ol class="shares" start={0} aria-label={`How sure ${title} is of each digit`}>
        {DIGITS.map((digit) => (
          <li key={digit} class={digit === best ? 'share-best' : ''}>
            <span>{digit}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${100 * (probabilities[digit] ?? 0)}%` }} />
            </span>
            <span class="muted">{answer ? formatShare(probabilities[digit] ?? 0) : ''}</span>
          </li>
        ))}
      </ol>
      <ErrorNote error={error} />
    </div>
  );
}
