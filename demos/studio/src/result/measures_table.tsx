import type { Report } from 'whittle-nn';
import { formatBytes, formatChange, formatCount, formatMs } from 'whittle-nn/report';

type Measures = Report['original'];
interface Row {
  title: string;
  value: (measures: Measures) => number | null | undefined;
  format: (value: number) => string;
}

const ms = (value: number): string => `${formatMs(value)} ms`;

const ROWS: readonly Row[] = [
  { title: 'File', value: (m) => m.bytes.raw, format: formatBytes },
  { title: 'File, gzip', value: (m) => m.bytes.gzip, format: formatBytes },
  { title: 'File, brotli', value: (m) => m.bytes.brotli, format: formatBytes },
  { title: 'Parameters', value: (m) => m.parameters, format: formatCount },
  { title: 'MACs', value: (m) => m.macs, format: formatCount },
  { title: 'Nodes', value: (m) => m.nodes, format: String },
  { title: 'Latency p50', value: (m) => m.latency?.medianMs, format: ms },
  { title: 'Latency p95', value: (m) => m.latency?.p95Ms, format: ms },
  { title: 'Memory, weights', value: (m) => m.memory?.constants, format: formatBytes },
  { title: 'Memory, activations', value: (m) => m.memory?.arena, format: formatBytes },
  { title: 'Needs opset', value: (m) => m.opset, format: String },
];

const cell = (value: number | null | undefined, format: Row['format']): string =>
  typeof value === 'number' ? format(value) : '-';

function changeCell(row: Row, before: Measures, after: Measures): string {
  const [a, b] = [row.value(before), row.value(after)];
  if (row.title === 'Needs opset' || typeof a !== 'number' || typeof b !== 'number') return '';
  return a === b || a === 0 ? '' : formatChange(a, b);
}

/** Every measure of both models. */
export function MeasuresTable({ report: { original, compressed } }: { report: Report }) {
  return (
    <div class="scroll">
      <table class="numbers-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Measure</span>
            </th>
            <th scope="col">Original</th>
            <th scope="col">Compressed</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {ROWS.map((row) => (
            <tr key={row.title}>
              <th scope="row">{row.title}</th>
              <td>{cell(row.value(original), row.format)}</td>
              <td>{cell(row.value(compressed), row.format)}</td>
              <td class="muted">{changeCell(row, original, compressed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
