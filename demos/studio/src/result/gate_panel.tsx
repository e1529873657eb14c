import type { Gate } from 'whittle-nn';
import { NumberField } from '../parts/field.js';
import { Panel } from '../parts/panel.js';

interface GatePanelProps {
  gate: Gate;
  onChange: (gate: Gate) => void;
}

/** Shares are typed in percent. Rounded, so that 0.1 + 0.2 does not show. */
const toPercent = (share: number | undefined): number | undefined =>
  share === undefined ? undefined : Number((share * 100).toFixed(6));

/** What the result must keep to; empty fields ask for nothing. */
export function GatePanel({ gate, onChange }: GatePanelProps) {
  const set = (key: keyof Gate, value: number | undefined): void => {
    const others = Object.entries(gate).filter(([name]) => name !== key);
    onChange(Object.fromEntries(value === undefined ? others : [...others, [key, value]]));
  };
  const setShare = (key: keyof Gate) => (percent: number | undefined) =>
    set(key, percent === undefined ? undefined : percent / 100);
  return (
    <Panel title="Gate">
      <div class="fields">
        <NumberField
          label="Agreement at least"
          unit="%"
          min={0}
          max={100}
          placeholder="any"
          value={toPercent(gate.minAgreement)}
          onChange={setShare('minAgreement')}
        />
        <NumberField
          label="Accuracy drop at most"
          unit="%"
          min={0}
          max={100}
          placeholder="any"
          value={toPercent(gate.maxDrop)}
          onChange={setShare('maxDrop')}
        />
        <NumberField
          label="SQNR at least"
          unit="dB"
          placeholder="any"
          value={gate.minSqnrDb}
          onChange={(value) => set('minSqnrDb', value)}
        />
      </div>
      <p class="doc">Judged on evaluation data only, by the worse end of the 95 % interval.</p>
    </Panel>
  );
}
