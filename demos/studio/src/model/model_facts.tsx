import type { Summary, ValueInfo } from 'whittle-nn';
import { formatBytes, formatCount } from 'whittle-nn/report';
import type { Opened } from './opened.js';

const shapeText = ({ dims, type }: ValueInfo): string =>
  `${type} ${dims ? `[${dims.map((dim) => dim ?? '?').join(', ')}]` : '[...]'}`;

function Values({ title, values }: { title: string; values: readonly ValueInfo[] }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {values.map((value) => (
          <span key={value.name} class="value">
            <b class="cut" title={value.name}>
              {value.name}
            </b>
            <span class="muted">{shapeText(value)}</span>
          </span>
        ))}
      </dd>
    </>
  );
}

function operatorsText(operators: Summary['operators']): string {
  return Object.entries(operators)
    .sort(([, a], [, b]) => b - a)
    .map(([op, count]) => `${op} ${count}`)
    .join(', ');
}

/** Name, inputs and outputs, and what the model is made of. */
export function ModelFacts({ opened }: { opened: Opened }) {
  const { summary, model, bytes } = opened;
  return (
    <div class="facts">
      <p class="model-name cut" title={model.name}>
        {model.name}
      </p>
      <ul class="numbers">
        <li>
          <b>{formatBytes(bytes)}</b> file
        </li>
        <li>
          <b>{formatCount(summary.parameters)}</b> parameters
        </li>
        <li>
          <b>
            {formatCount(summary.macs)}
            {summary.macsKnown ? '' : '+'}
          </b>{' '}
          MACs
        </li>
      </ul>
      <dl>
        <Values title={summary.inputs.length > 1 ? 'Inputs' : 'Input'} values={summary.inputs} />
        <Values
          title={summary.outputs.length > 1 ? 'Outputs' : 'Output'}
          values={summary.outputs}
        />
        <dt>Operators</dt>
        <dd>{operatorsText(summary.operators)}</dd>
        <dt>Format</dt>
        <dd>
          opset {summary.opset}
          {summary.producer ? `, by ${summary.producer}` : ''}
        </dd>
      </dl>
      {summary.quantized && <p class="note">This model is quantized already.</p>}
      {summary.unsupported.length > 0 && (
        <div class="note note-error">
          <p>This version cannot run:</p>
          <ul>
            {summary.unsupported.map(({ op, count, example }) => (
              <li key={op}>
                {op} ({count}, for example {example})
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
