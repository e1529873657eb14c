import type { Measures, NamedReport, Report } from '../generated/report.js';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDb,
  formatMs,
  formatShare,
} from './format.js';

/** A table as text cells; every renderer lays out the same ones. */
export interface Table {
  caption: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** The last line: which row to take. */
  verdict: string;
}

/** The size that is compared: brotli where the platform has it, else gzip. */
export const wireBytes = ({ bytes }: Measures): number => bytes.brotli ?? bytes.gzip;

function fidelityCells({ evaluation, metric, data }: Report): [string, string] {
  if (metric) return [metric.compressed.toPrecision(4), '-'];
  if (!evaluation) return ['not measured', '-'];
  const { accuracy, samples, changed } = evaluation;
  const changedCell = `${changed} of ${samples}`;
  if (accuracy && !data.synthetic) {
    const [low, high] = accuracy.compressedInterval ?? [NaN, NaN];
    const interval = Number.isNaN(low)
      ? ''
      : ` (${(low * 100).toFixed(1)}-${(high * 100).toFixed(1)})`;
    return [`${formatShare(accuracy.compressed)}${interval}`, changedCell];
  }
  const agreement = evaluation.outputs.find((output) => output.agreement)?.agreement;
  if (agreement) {
    const [low, high] = agreement.interval;
    const made = data.synthetic ? ', synthetic' : '';
    return [
      `${formatShare(agreement.top1)} agree (${(low * 100).toFixed(1)}-${(high * 100).toFixed(1)}${made})`,
      changedCell,
    ];
  }
  const pixels = evaluation.outputs.find(
    (output) => typeof output.pixelAgreement === 'number',
  )?.pixelAgreement;
  if (typeof pixels === 'number') return [`${formatShare(pixels)} of pixels`, '-'];
  const worst = evaluation.outputs.reduce<number | null>(
    (least, { sqnrDb }) => (sqnrDb === null ? least : Math.min(least ?? Infinity, sqnrDb)),
    null,
  );
  return [`SQNR ${formatDb(worst)}${data.synthetic ? ', synthetic' : ''}`, '-'];
}

/** "svd 2/6 (4: rank past break-even), fp16 8/8" */
export function layerCell(report: Report): string {
  return report.steps
    .map(({ technique, kept, undone, layers }) => {
      const reasons = layers.reasons.map(({ count, reason }) => `${count}: ${reason}`).join('; ');
      const state = kept
        ? `${layers.touched}/${layers.total}`
        : `undone: ${undone ?? 'did not pay'}`;
      return `${technique} ${state}${reasons ? ` (${reasons})` : ''}`;
    })
    .join(', ');
}

const memoryOf = ({ memory }: Measures): string =>
  memory ? formatBytes(memory.constants + memory.arena) : '-';

const latencyOf = ({ latency }: Measures): string =>
  latency ? `${formatMs(latency.medianMs)} / ${formatMs(latency.p95Ms)}` : '-';

const wideCells = ({ bytes, parameters, macs }: Measures): string[] => [
  formatBytes(bytes.raw),
  formatBytes(bytes.gzip),
  formatCount(parameters),
  formatCount(macs),
];

function originalRow({ original, evaluation, metric, data }: Report, wide: boolean): string[] {
  const { accuracy } = evaluation ?? {};
  let fidelity = '-';
  if (metric) fidelity = metric.original.toPrecision(4);
  else if (accuracy && !data.synthetic) {
    const [low, high] = accuracy.originalInterval ?? [NaN, NaN];
    fidelity = `${formatShare(accuracy.original)} (${(low * 100).toFixed(1)}-${(high * 100).toFixed(1)})`;
  }
  const cells = [
    formatBytes(wireBytes(original)),
    '',
    latencyOf(original),
    memoryOf(original),
    fidelity,
    '',
    '',
  ];
  return ['original', ...cells, ...(wide ? wideCells(original) : [])];
}

function caption(report: Report): string {
  const { environment: e, data, evaluation } = report;
  const engine = `${e.runtime}, ${e.tier}, ${e.threads} thread${e.threads === 1 ? '' : 's'}, ${e.cpu ?? 'unknown CPU'}`;
  const samples = evaluation?.samples ?? 0;
  const kind = data.synthetic ? 'synthetic samples' : 'evaluation samples';
  const apart = data.overlap ? 'some used for calibration too' : 'none used for calibration';
  return `${report.model} - ${engine}; ${samples} ${kind}, ${apart}`;
}

function verdict(reports: readonly NamedReport[]): string {
  const passing = reports.filter(({ report }) => report.gate?.pass ?? true);
  const judged = reports.some(({ report }) => report.gate);
  const best = passing.reduce<NamedReport | undefined>(
    (least, next) =>
      !least || wireBytes(next.report.compressed) < wireBytes(least.report.compressed)
        ? next
        : least,
    undefined,
  );
  if (!best) return 'No recipe passes the gate.';
  const { original, compressed } = best.report;
  const [before, after] = [wireBytes(original), wireBytes(compressed)];
  const what = judged ? 'Smallest that passes the gate' : 'Smallest';
  return `${what}: ${best.name}, ${formatBytes(after)} (${formatChange(before, after)})`;
}

/** All recipes on one model as one table. `wide` adds raw and gzip bytes, parameters and MACs. */
export function reportTable(reports: readonly NamedReport[], wide = false): Table {
  const first = reports[0];
  if (!first) throw new RangeError('a table needs at least one report');
  const wire = first.report.original.bytes.brotli === null ? 'gzip' : 'brotli';
  const head = [
    'recipe',
    wire,
    'change',
    'p50 / p95 ms',
    'memory',
    'accuracy',
    'changed',
    'layers',
  ];
  const rows = reports.map(({ name, report }) => {
    const { original, compressed } = report;
    const size = wireBytes(compressed);
    const change = formatChange(wireBytes(original), size);
    const mark = report.gate && !report.gate.pass ? ' (misses gate)' : '';
    const cells = [formatBytes(size), change, latencyOf(compressed), memoryOf(compressed)];
    const [fidelity, changed] = fidelityCells(report);
    return [
      name + mark,
      ...cells,
      fidelity,
      changed,
      layerCell(report),
      ...(wide ? wideCells(compressed) : []),
    ];
  });
  return {
    caption: caption(first.report),
    head: [...head, ...(wide ? ['raw', 'gzip', 'parameters', 'MACs'] : [])],
    rows: [originalRow(first.report, wide), ...rows],
    verdict: verdict(reports),
  };
}
