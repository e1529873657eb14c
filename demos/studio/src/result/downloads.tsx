import { formatBytes, renderHtml, type ReportSet } from 'whittle-nn/report';
import { save } from '../parts/save.js';
import type { Outcome } from './use_run.js';

const stem = (name: string): string => name.replace(/\.onnx$/i, '');

function reportSet({ report }: Outcome): ReportSet {
  const name = report.steps.map((step) => step.technique).join(' + ') || 'nothing';
  return { reportSet: 1, reports: [{ name, report }] };
}

/** The compressed model and its report, as files. */
export function Downloads({ outcome }: { outcome: Outcome }) {
  const name = stem(outcome.report.model);
  return (
    <div class="downloads">
      <button
        type="button"
        class="primary"
        onClick={() =>
          save(`${name}.small.onnx`, outcome.bytes as BlobPart, 'application/octet-stream')
        }
      >
        Download .onnx <span class="muted">{formatBytes(outcome.bytes.length)}</span>
      </button>
      <button
        type="button"
        onClick={() =>
          save(
            `${name}.report.json`,
            `${JSON.stringify(reportSet(outcome), null, 2)}\n`,
            'application/json',
          )
        }
      >
        report.json
      </button>
      <button
        type="button"
        onClick={() => save(`${name}.report.html`, renderHtml(reportSet(outcome)), 'text/html')}
      >
        report.html
      </button>
    </div>
  );
}
