import type { Report } from 'whittle-nn';
import { formatBytes, formatChange, formatMs, wireBytes } from 'whittle-nn/report';
import type { Opened } from '../model/opened.js';
import { fidelityOf } from './fidelity.js';

interface PairProps {
  title: string;
  original: string;
  compressed: string;
  /** Lengths of the bars, original first; none are drawn without. */
  values?: readonly [number, number] | undefined;
  change: string;
  /** The change is for the worse. */
  worse?: boolean;
  note: string;
}

/** One measure of both models, with bars to the same scale. */
function Pair(props: PairProps) {
  const { title, original, compressed, values, change, worse, note } = props;
  const most = values ? Math.max(...values) : 0;
  const width = (value: number | undefined): string =>
    `${most > 0 && value !== undefined ? (100 * value) / most : 0}%`;
  return (
    <div class="pair">
      <h3>
        {title}
        <span class={worse ? 'change change-worse' : 'change'}>{change}</span>
      </h3>
      <div class="pair-row">
        <span class="who">original</span>
        <b>{original}</b>
        <span class="bar bar-original" aria-hidden="true">
          <span style={{ width: width(values?.[0]) }} />
        </span>
      </div>
      <div class="pair-row pair-new">
        <span class="who">compressed</span>
        <b>{compressed}</b>
        <span class="bar" aria-hidden="true">
          <span style={{ width: width(values?.[1]) }} />
        </span>
      </div>
      <p class="doc">{note || '\u00a0'}</p>
    </div>
  );
}

function SizePair({ report }: { report: Report }) {
  const [before, after] = [wireBytes(report.original), wireBytes(report.compressed)];
  const how = report.original.bytes.brotli === null ? 'gzip' : 'brotli';
  return (
    <Pair
      title="Download"
      original={formatBytes(before)}
      compressed={formatBytes(after)}
      values={[before, after]}
      change={formatChange(before, after)}
      worse={after > before}
      note={`with ${how}; ${formatBytes(report.compressed.bytes.raw)} unpacked`}
    />
  );
}

function SpeedPair({ report }: { report: Report }) {
  const [before, after] = [report.original.latency, report.compressed.latency];
  if (!before || !after) return null;
  return (
    <Pair
      title="Time for one run"
      original={`${formatMs(before.medianMs)} ms`}
      compressed={`${formatMs(after.medianMs)} ms`}
      values={[before.medianMs, after.medianMs]}
      change={formatChange(before.medianMs, after.medianMs)}
      worse={after.medianMs > before.medianMs}
      note={`median of ${after.samples}, taken in turn`}
    />
  );
}

function FidelityPair({ report }: { report: Report }) {
  const fidelity = fidelityOf(report);
  if (!fidelity) {
    return (
      <Pair title="Accuracy" original="-" compressed="-" change="" note="not measured: no data" />
    );
  }
  const { title, original, compressed, note, shares } = fidelity;
  // Without shares there is no answer that could have changed.
  const changed =
    shares && report.evaluation
      ? `${report.evaluation.changed} of ${report.evaluation.samples} changed`
      : '';
  return <Pair {...{ title, original, compressed, note }} values={shares} change={changed} />;
}

/** Size, speed and fidelity at a glance. Before the first run the original's side is there already. */
export function Headline({ opened, report }: { opened: Opened; report: Report | undefined }) {
  if (report) {
    return (
      <div class="headline">
        <SizePair report={report} />
        <SpeedPair report={report} />
        <FidelityPair report={report} />
      </div>
    );
  }
  const size = formatBytes(opened.bytes);
  return (
    <div class="headline headline-empty">
      <Pair
        title="Download"
        original={size}
        compressed="-"
        values={[1, 0]}
        change=""
        note="raw, until it is measured"
      />
      <Pair title="Time for one run" original="-" compressed="-" change="" note="" />
      <Pair title="Accuracy" original="-" compressed="-" change="" note="" />
    </div>
  );
}
