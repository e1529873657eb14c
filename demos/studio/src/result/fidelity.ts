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

const intervalText = (interval: Interval): string =>
  interval ? `95 %: ${(interval[0] * 100).toFixed(1)} to ${(interval[1] * 100).toFixed(1)} %` : '';

/** Accuracy where there are labels, else agreement, else how much noise was added. */
export function fidelityOf({ evaluation, data }: Report): Fidelity | undefined {
  if (!evaluation) return undefined;
  const { accuracy, outputs, samples } = evaluation;
  const made = data.synthetic ? ', synthetic' : '';
  if (accuracy && !data.synthetic) {
    return {
      title: `Accuracy on ${accuracy.labelled} samples`,
      original: formatShare(accuracy.original),
      compressed: formatShare(accuracy.compressed),
      note: intervalText(accuracy.compressedInterval),
      shares: [accuracy.original, accuracy.compressed],
    };
  }
  const agreement = outputs.find((output) => output.agreement)?.agreement;
  if (agreement) {
    return {
      title: `Same answer on ${samples} samples${made}`,
      original: '100 %',
      compressed: formatShare(agreement.top1),
      note: intervalText(agreement.interval),
      shares: [1, agreement.top1],
    };
  }
  const pixels = outputs.find((output) => typeof output.pixelAgreement === 'number');
  if (typeof pixels?.pixelAgreement === 'number') {
    return {
      title: `Same class on pixels${made}`,
      original: '100 %',
      compressed: formatShare(pixels.pixelAgreement),
      note: `${samples} samples`,
      shares: [1, pixels.pixelAgreement],
    };
  }
  const worst = outputs.reduce<number | null>(
    (least, { sqnrDb }) => (sqnrDb === null ? least : Math.min(least ?? Infinity, sqnrDb)),
    null,
  );
  return {
    title: `Signal to noise, worst output${made}`,
    original: 'exact',
    compressed: formatDb(worst),
    note: `${samples} samples`,
  };
}
