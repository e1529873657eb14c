import type { Report } from 'whittle-nn';
import { formatDb, formatShare } from 'whittle-nn/report';

/** The one number that says how well the compressed model does. */
export interface Fidelity {
  title: string;
  original: string;
  compressed: string;
  /** The interval, or what the number is not. */
  note: string;
  /** Shares to draw as bars, where there are any. */
  shares?: readonly [number, number];
}

type Interval = readonly [number, number] | undefined;

/** "98.7 to 99.7 % (95 %), 1000 samples" */
function noteText(interval: Interval, samples: number, kind: string): string {
  const share = (value: number): string => (value * 100).toFixed(1);
  const range = interval ? `${share(interval[0])} to ${share(interval[1])} % (95 %), ` : '';
  return `${range}${samples} ${kind}`;
}

/** Accuracy where there are labels, else agreement, else how much noise was added. */
export function fidelityOf({ evaluation, data }: Report): Fidelity | undefined {
  if (!evaluation) return undefined;
  const { accuracy, outputs, samples } = evaluation;
  const kind = data.synthetic ? 'synthetic samples' : 'samples';
  if (accuracy && !data.synthetic) {
    return {
      title: 'Accuracy',
      original: formatShare(accuracy.original),
      compressed: formatShare(accuracy.compressed),
      note: noteText(accuracy.compressedInterval, accuracy.labelled, kind),
      shares: [accuracy.original, accuracy.compressed],
    };
  }
  const agreement = outputs.find((output) => output.agreement)?.agreement;
  if (agreement) {
    return {
      title: 'Same answer',
      original: '100 %',
      compressed: formatShare(agreement.top1),
      note: noteText(agreement.interval, samples, kind),
      shares: [1, agreement.top1],
    };
  }
  const pixels = outputs.find((output) => typeof output.pixelAgreement === 'number');
  if (typeof pixels?.pixelAgreement === 'number') {
    return {
      title: 'Same class of pixels',
      original: '100 %',
      compressed: formatShare(pixels.pixelAgreement),
      note: noteText(undefined, samples, kind),
      shares: [1, pixels.pixelAgreement],
    };
  }
  const worst = outputs.reduce<number | null>(
    (least, { sqnrDb }) => (sqnrDb === null ? least : Math.min(least ?? Infinity, sqnrDb)),
    null,
  );
  return {
    title: 'Signal to noise',
    original: 'exact',
    compressed: formatDb(worst),
    note: `worst output, ${noteText(undefined, samples, kind)}`,
  };
}
