import type { Report } from 'whittle-nn';

/** Whether the gate was passed, bound by bound. */
export function Verdict({ gate }: { gate: Report['gate'] }) {
  if (!gate) return null;
  return (
    <div class={`note ${gate.pass ? 'note-good' : 'note-error'}`} data-gate={gate.pass}>
      <p>
        <b>{gate.pass ? 'Passes the gate' : 'Misses the gate'}</b>
      </p>
      <ul>
        {gate.checks.map((check) => (
          <li key={check.name}>
            {check.pass ? '✓' : '✗'} {check.text}
          </li>
        ))}
      </ul>
    </div>
  );
}
