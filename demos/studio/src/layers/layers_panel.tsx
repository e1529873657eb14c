import { useState } from 'preact/hooks';
import type { LayerComparison } from 'whittle-nn';
import { ErrorNote } from '../parts/error_note.js';
import { Panel } from '../parts/panel.js';
import { Segmented } from '../parts/segmented.js';
import type { Outcome } from '../result/use_run.js';
import { LayerBars, type Choice } from './layer_bars.js';
import type { LayersState } from './use_layers.js';
import { WhatIfLine, type WhatIf } from './what_if.js';

type Order = 'worst' | 'network';
type Kept = 'weights' | 'all';
const FIRST_ROWS = 20;

const ORDERS = [
  { value: 'worst', text: 'Worst first' },
  { value: 'network', text: 'From input to output' },
] as const;
const KINDS = [
  { value: 'weights', text: 'With weights' },
  { value: 'all', text: 'All', title: 'Activations, sums and the like too' },
] as const;

function Alone({ alone }: { alone: LayerComparison['alone'] }) {
  if (alone.length === 0) return null;
  return (
    <details>
      <summary>{`${alone.length} not compared`}</summary>
      <ul class="alone">
        {alone.map((layer, index) => (
          <li key={index}>
            <b class="break">{layer.name}</b>{' '}
            <span class="muted">{`${layer.op}, only in the ${layer.in}`}</span>
            {`: ${layer.reason}`}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface ComparisonProps {
  comparison: LayerComparison;
  choiceOf: (name: string) => Choice;
  busy: boolean;
  onFloat: (name: string, float: boolean) => void;
}

function Comparison({ comparison, ...bars }: ComparisonProps) {
  const [order, setOrder] = useState<Order>('worst');
  const [kind, setKind] = useState<Kept>('weights');
  const [all, setAll] = useState(false);
  const chosen = comparison.layers.filter(({ bytes }) => kind === 'all' || bytes > 0);
  const sorted = order === 'worst' ? chosen : [...chosen].sort((a, b) => a.index - b.index);
  const shown = all || order === 'network' ? sorted : sorted.slice(0, FIRST_ROWS);
  return (
    <>
      <div class="layer-choices">
        <Segmented legend="Order" value={order} choices={ORDERS} onChange={setOrder} />
        <Segmented legend="Which layers" value={kind} choices={KINDS} onChange={setKind} />
      </div>
      <LayerBars layers={shown} {...bars} />
      {(shown.length < sorted.length || all) && (
        <button type="button" class="link" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? `Show the worst ${FIRST_ROWS}` : `Show all ${sorted.length}`}
        </button>
      )}
      <Alone alone={comparison.alone} />
    </>
  );
}

interface LayersPanelProps extends Omit<ComparisonProps, 'comparison' | 'busy'> {
  state: LayersState;
  outcome: Outcome | undefined;
  running: boolean;
  whatIf: WhatIf | undefined;
}

/** Where in the network the error arises, and what leaving a layer alone would change. */
export function LayersPanel(props: LayersPanelProps) {
  const { state, outcome, running, whatIf, choiceOf, onFloat } = props;
  if (!outcome) return null;
  const { comparison, progress, error, start } = state;
  const haveData = (outcome.data.evaluation ?? outcome.data.data) !== undefined;
  const busy = running || progress !== undefined;
  const count = comparison?.samples ?? 0;
  const aside = busy
    ? 'comparing ...'
    : comparison
      ? `over ${count} sample${count === 1 ? '' : 's'}`
      : '';
  return (
    <Panel
      title="Layer by layer"
      class={busy && comparison ? 'stale' : ''}
      aside={
        <span class="muted">
          {aside} {comparison?.synthetic && <span class="tag tag-warn">synthetic</span>}
        </span>
      }
    >
      {whatIf && !running && whatIf.before !== outcome.report && (
        <WhatIfLine whatIf={whatIf} after={outcome.report} />
      )}
      {comparison ? (
        <Comparison {...{ comparison, choiceOf, busy, onFloat }} />
      ) : (
        <div class="layers-start">
          <button type="button" disabled={busy || !haveData} onClick={start}>
            Compare layer by layer
          </button>
          <p class="doc">
            {haveData
              ? 'Runs both models on the same samples and shows where the error arises.'
              : 'Needs samples to run both models on.'}
          </p>
        </div>
      )}
      <ErrorNote error={error} />
    </Panel>
  );
}
