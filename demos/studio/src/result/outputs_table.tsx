import type { Report } from 'whittle-nn';
import { formatDb, formatShare } from 'whittle-nn/report';

type Evaluation = NonNullable<Report['evaluation']>;
type Output = Evaluation['outputs'][number];

function sameAnswer({ agreement, pixelAgreement }: Output): string {
  if (agreement) return formatShare(agreement.top1);
  return typeof pixelAgreement === 'number' ? formatShare(pixelAgreement) : '-';
}

/** How closely each output follows the original's. */
export function OutputsTable({ evaluation }: { evaluation: Evaluation }) {
  return (
    <div class="scroll">
      <table class="numbers-table">
        <thead>
          <tr>
            <th scope="col">Output</th>
            <th scope="col" title="Signal to quantization noise ratio; higher is closer">
              SQNR
            </th>
            <th scope="col">Cosine</th>
            <th scope="col">Largest error</th>
            <th scope="col">Same answer</th>
          </tr>
        </thead>
        <tbody>
          {evaluation.outputs.map((output) => (
            <tr key={output.name}>
              <th scope="row" class="cut" title={output.name}>
                {output.name}
              </th>
              <td>{formatDb(output.sqnrDb)}</td>
              <td>{output.cosine?.toFixed(5) ?? '-'}</td>
              <td>{output.maxError?.toPrecision(3) ?? '-'}</td>
              <td>{sameAnswer(output)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The samples that changed most. */
export function WorstTable({ evaluation }: { evaluation: Evaluation }) {
  if (evaluation.worst.length === 0) return null;
  return (
    <details>
      <summary>The samples that differ most</summary>
      <table class="numbers-table">
        <thead>
          <tr>
            <th scope="col">Sample</th>
            <th scope="col">SQNR</th>
            <th scope="col">Answer</th>
          </tr>
        </thead>
        <tbody>
          {evaluation.worst.map(({ id, index, sqnrDb, changed }) => (
            <tr key={index}>
              <th scope="row" class="cut" title={id}>
                {id}
              </th>
              <td>{formatDb(sqnrDb)}</td>
              <td>{changed ? 'changed' : 'the same'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
