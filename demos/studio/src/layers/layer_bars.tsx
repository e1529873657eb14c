import type { LayerComparison } from 'whittle-nn';
import { formatBytes, layerDb, layerNotes, layerOp, layerShare } from 'whittle-nn/report';
import { LayerName } from '../parts/layer_name.js';

type Layer = LayerComparison['layers'][number];

/** What can be done about a layer. */
export type Choice = 'compressed' | 'float' | 'none';

interface LayerBarsProps {
  layers: readonly Layer[];
  choiceOf: (name: string) => Choice;
  busy: boolean;
  /** The layer is to stay float, or no longer. */
  onFloat: (name: string, float: boolean) => void;
}

/** Under 10 dB the error is as large as what it distorts; from 20 on it hardly shows. */
function grade({ sqnrDb, exact }: Layer): string {
  if (exact) return 'bar-exact';
  if (sqnrDb === null || sqnrDb < 10) return 'bar-bad';
  return sqnrDb < 20 ? 'bar-warn' : '';
}

function Stored({ layer: { bytes, compressed } }: { layer: Layer }) {
  if (bytes === 0 || compressed.weights === null) return <td />;
  const size = `${formatBytes(bytes)} to ${formatBytes(compressed.bytes)}`;
  return (
    <td class="nowrap" title={size}>
      <span class={compressed.weights.startsWith('float') ? 'muted' : ''}>
        {compressed.weights}
      </span>
    </td>
  );
}

interface FloatButtonProps {
  name: string;
  choice: Choice;
  busy: boolean;
  onFloat: LayerBarsProps['onFloat'];
}

/** A switch: pressed, the layer is left out of the steps that store weights in fewer bits. */
function FloatButton({ name, choice, busy, onFloat }: FloatButtonProps) {
  if (choice === 'none') return null;
  const pressed = choice === 'float';
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={pressed}
      aria-label={`Keep ${name} in float`}
      title={
        pressed
          ? 'Compress this layer again, and run'
          : 'Leave this layer as it is, and run the recipe again'
      }
      aria-disabled={busy}
      onClick={() => !busy && onFloat(name, !pressed)}
    >
      {pressed ? 'In float' : 'Keep float'}
    </button>
  );
}

/** A bar a layer: how closely the compressed model makes the tensor the original makes there. */
export function LayerBars({ layers, choiceOf, busy, onFloat }: LayerBarsProps) {
  return (
    <div class="scroll">
      <table class="layer-bars">
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col" title="Signal to error ratio of what the layer makes; higher is closer">
              <span class="axis">
                <span>SQNR</span>
                <span>20</span>
                <span>40</span>
                <span>60 dB</span>
              </span>
            </th>
            <th scope="col">
              <span class="hidden">Ratio in dB</span>
            </th>
            <th scope="col">Weights</th>
            <th scope="col">
              <span class="hidden">What if it stays float</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer.output} data-layer={layer.name}>
              <th scope="row">
                <span class="layer-label">
                  <LayerName name={layer.name} />
                  <span class="layer-op">{layerOp(layer)}</span>
                </span>
              </th>
              <td title={`cosine ${layer.cosine?.toFixed(5) ?? '-'}, at ${layer.output}`}>
                <span class={`bar bar-graded ${grade(layer)}`} aria-hidden="true">
                  <span style={{ width: `${100 * layerShare(layer)}%` }} />
                </span>
              </td>
              <td class="layer-db">
                {layerDb(layer)}
                {layerNotes(layer) && <span class="layer-note">{layerNotes(layer)}</span>}
              </td>
              <Stored layer={layer} />
              <td>
                <FloatButton
                  name={layer.name}
                  choice={choiceOf(layer.name)}
                  busy={busy}
                  onFloat={onFloat}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
