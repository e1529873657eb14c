import type { LayerComparison, LayerFidelity } from '../generated/report.js';
import { formatBytes, formatCount, formatDb } from './format.js';

/** "23.4 dB", "exact", or "-" where the original is zero throughout and the compressed model is not. */
export const layerDb = ({ sqnrDb, exact }: LayerFidelity): string =>
  sqnrDb === null && !exact ? '-' : formatDb(sqnrDb);

/** "Conv", or "Gemm > MatMul+MatMul" where the operator changed. */
export const layerOp = ({ op, compressed }: LayerFidelity): string =>
  compressed.op === op || compressed.op === '' ? op : `${op} > ${compressed.op}`;

/** What has to be said of a layer beside its numbers. */
export function layerNotes(layer: LayerFidelity): string {
  const notes = [];
  if (layer.rescaled) notes.push('rescaled');
  if (layer.nonFinite) notes.push(`${layer.nonFinite} not finite`);
  return notes.join(', ');
}

export const LAYER_HEAD = [
  'layer',
  'operator',
  'SQNR',
  'cosine',
  'max error',
  'weights',
  'bytes',
  'MACs',
  'note',
] as const;

export function layerRow(layer: LayerFidelity): string[] {
  const { compressed, cosine, maxError } = layer;
  return [
    layer.name,
    layerOp(layer),
    layerDb(layer),
    cosine === null ? '-' : cosine.toFixed(5),
    maxError === null ? '-' : maxError.toPrecision(3),
    compressed.weights ?? '-',
    layer.bytes > 0 ? `${formatBytes(layer.bytes)} > ${formatBytes(compressed.bytes)}` : '-',
    layer.macs > 0 ? formatCount(layer.macs) : '-',
    layerNotes(layer),
  ];
}

/** "Per layer over 8 samples, the worst of 21 first" */
export function layerCaption({ samples, synthetic, layers }: LayerComparison): string {
  const kind = synthetic ? 'synthetic sample' : 'sample';
  return `Per layer over ${samples} ${kind}${samples === 1 ? '' : 's'}, the worst of ${layers.length} first`;
}

/** Where a bar of the ratio ends, 0 to 1: 60 dB and more fill it, as does an exact layer. */
export function layerShare({ sqnrDb, exact }: LayerFidelity): number {
  const kFullDb = 60;
  if (sqnrDb === null) return exact ? 1 : 0;
  return Math.min(1, Math.max(0, sqnrDb / kFullDb));
}
