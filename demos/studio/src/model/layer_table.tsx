import { useMemo, useState } from 'preact/hooks';
import type { LayerSummary, Summary } from 'whittle-nn';
import { formatBytes, formatCount } from 'whittle-nn/report';
import { LayerName } from '../parts/layer_name.js';
import { Panel } from '../parts/panel.js';

type Measure = 'bytes' | 'macs';
const FIRST_ROWS = 12;

interface BarProps {
  value: number;
  most: number;
  text: string;
}

function Bar({ value, most, text }: BarProps) {
  return (
    <td class="bar-cell">
      <span class="bar-text">{value > 0 ? text : '-'}</span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${most > 0 ? (100 * value) / most : 0}%` }} />
      </span>
    </td>
  );
}

interface HeadProps {
  measure: Measure;
  title: string;
  sorted: Measure;
  onSort: (measure: Measure) => void;
}

function SortHead({ measure, title, sorted, onSort }: HeadProps) {
  return (
    <th scope="col" aria-sort={sorted === measure ? 'descending' : 'none'}>
      <button type="button" class="sort" onClick={() => onSort(measure)}>
        {title}
        <span aria-hidden="true">{sorted === measure ? ' ↓' : ''}</span>
      </button>
    </th>
  );
}

const most = (layers: readonly LayerSummary[], measure: Measure): number =>
  layers.reduce((max, layer) => Math.max(max, layer[measure]), 0);

/** Layers with their weights and work, largest first. */
export function LayerTable({ summary }: { summary: Summary }) {
  const [sorted, setSorted] = useState<Measure>('bytes');
  const [all, setAll] = useState(false);
  const layers = useMemo(
    () => [...summary.layers].sort((a, b) => b[sorted] - a[sorted]),
    [summary, sorted],
  );
  const shown = all ? layers : layers.slice(0, FIRST_ROWS);
  const [bytes, macs] = [most(layers, 'bytes'), most(layers, 'macs')];
  return (
    <Panel
      title="Layers"
      aside={<span class="muted">{`${layers.length} with weights or work`}</span>}
    >
      <div class="scroll">
        <table class="layers">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Operator</th>
              <th scope="col">Output</th>
              <SortHead measure="bytes" title="Weights" sorted={sorted} onSort={setSorted} />
              <SortHead measure="macs" title="MACs" sorted={sorted} onSort={setSorted} />
            </tr>
          </thead>
          <tbody>
            {shown.map((layer, index) => (
              <tr key={`${layer.name}/${index}`}>
                <th scope="row">
                  <LayerName name={layer.name} />
                </th>
                <td title={layer.op}>{layer.op}</td>
                <td class="muted nowrap">{layer.shape}</td>
                <Bar value={layer.bytes} most={bytes} text={formatBytes(layer.bytes)} />
                <Bar value={layer.macs} most={macs} text={formatCount(layer.macs)} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {layers.length > FIRST_ROWS && (
        <button type="button" class="link" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? `Show the largest ${FIRST_ROWS}` : `Show all ${layers.length}`}
        </button>
      )}
    </Panel>
  );
}
