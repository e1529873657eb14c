import type { Report } from 'whittle-nn';
import { stepTables, type FactTable } from 'whittle-nn/report';

type Step = Report['steps'][number];
type Reason = Step['layers']['reasons'][number];
const NAMES_SHOWN = 6;

function ReasonLine({ count, reason, layers = [] }: Reason) {
  const names = layers.slice(0, NAMES_SHOWN).join(', ');
  const more = layers.length > NAMES_SHOWN ? ` and ${layers.length - NAMES_SHOWN} more` : '';
  return (
    <li>
      {count} left alone: {reason}
      {names && (
        <span class="muted break">
          {' '}
          ({names}
          {more})
        </span>
      )}
    </li>
  );
}

/** What the step found out, folded away. */
function Facts({ title, head, rows }: FactTable) {
  return (
    <details class="facts-table">
      <summary>
        {title} <span class="muted">({rows.length})</span>
      </summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {head.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((text, column) => (
                  <td key={column} title={text}>
                    {text}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function StepResult({ step }: { step: Step }) {
  const { technique, kept, undone, layers, warnings = [] } = step;
  return (
    <li>
      <p>
        <b>{technique}</b>{' '}
        {kept ? (
          `changed ${layers.touched} of ${layers.total} layers`
        ) : (
          <span class="tag tag-warn">undone: {undone ?? 'it did not pay'}</span>
        )}
      </p>
      <ul>
        {layers.reasons.map((reason) => (
          <ReasonLine key={reason.reason} {...reason} />
        ))}
        {warnings.map((text) => (
          <li key={text} class="warn">
            {text}
          </li>
        ))}
      </ul>
      {stepTables(step).map((facts) => (
        <Facts key={facts.title} {...facts} />
      ))}
    </li>
  );
}

/** What each step did, and why it left layers alone. */
export function StepsList({ report }: { report: Report }) {
  return (
    <>
      <ol class="steps-list">
        {report.steps.map((step, index) => (
          <StepResult key={index} step={step} />
        ))}
      </ol>
      {report.warnings.length > 0 && (
        <ul class="note note-warn">
          {report.warnings.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </>
  );
}
