import type { LayerComparison, Report } from '../generated/report.js';
import { stepTables } from './facts.js';
import { LAYER_HEAD, layerCaption, layerRow } from './layers.js';
import type { Table } from './rows.js';

/** Columns up to this width stay whole; a wider last column is cut where the terminal ends. */
const GAP = '  ';

/** Lays cells out in columns; numbers of a column of numbers are set right. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Infinity,
): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const numeric = head.map((_, i) => rows.every((row) => /^[-+]?[\d.]|^-?$/.test(row[i] ?? '')));
  const line = (row: readonly string[]): string => {
    const cells = widths.map((width, i) =>
      numeric[i] ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width),
    );
    const text = cells.join(GAP).trimEnd();
    return text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
  };
  const rule = widths.map((width) => '-'.repeat(width)).join(GAP);
  return [line(head), rule.slice(0, columns), ...rows.map(line)].join('\n');
}

/** A report table for the terminal: caption, columns, verdict. Layer notes go below, one a line, since they are long. */
export function renderText({ caption, head, rows, verdict }: Table): string {
  const layers = head.indexOf('layers');
  const without = (row: readonly string[]): string[] => row.filter((_, i) => i !== layers);
  const notes = rows.filter((row) => row[layers]).map((row) => `  ${row[0]}: ${row[layers]}`);
  return [
    caption,
    '',
    textTable(without(head), rows.map(without)),
    '',
    ...(notes.length > 0 ? ['Layers touched, and why others were not:', ...notes, ''] : []),
    verdict,
  ].join('\n');
}

/** Layers that a terminal shows; JSON has all of them. */
const SHOWN_LAYERS = 40;

/** A comparison of layers for the terminal: the worst first, then what could not be compared. */
export function renderLayers(comparison: LayerComparison): string {
  const { layers, alone } = comparison;
  const rows = layers.slice(0, SHOWN_LAYERS).map(layerRow);
  // Columns that say nothing for any layer shown are left out.
  const used = LAYER_HEAD.map((_, i) =>
    rows.some((row) => (row[i] ?? '') !== '' && row[i] !== '-'),
  );
  const pick = (row: readonly string[]): string[] => row.filter((_, i) => used[i]);
  const lines = [`${layerCaption(comparison)}:`, '', textTable(pick(LAYER_HEAD), rows.map(pick))];
  if (layers.length > SHOWN_LAYERS) {
    lines.push(`... and ${layers.length - SHOWN_LAYERS} better ones (--json lists all)`);
  }
  if (alone.length > 0) lines.push('', 'Not compared:');
  for (const layer of alone.slice(0, SHOWN_LAYERS)) {
    lines.push(`  ${layer.name} (${layer.op}, only in the ${layer.in}): ${layer.reason}`);
  }
  if (alone.length > SHOWN_LAYERS) lines.push(`  ... and ${alone.length - SHOWN_LAYERS} more`);
  return lines.join('\n');
}

/**
 * What the steps found out: with `whole` the tables, else a line for each step that says what there
 * is; empty when there is nothing.
 */
export function renderFacts({ steps }: Report, whole: boolean): string {
  const parts = steps.flatMap((step) => {
    const tables = stepTables(step);
    if (tables.length === 0) return [];
    if (whole) {
      return tables.map(
        ({ title, head, rows }) => `${step.technique}: ${title}\n\n${textTable(head, rows)}\n`,
      );
    }
    const names = tables.map(({ title, rows }) => `${title.toLowerCase()} (${rows.length})`);
    return [`  ${step.technique}: ${names.join(', ')}`];
  });
  if (parts.length === 0) return '';
  return whole ? parts.join('\n') : `Found out (--wide shows it):\n${parts.join('\n')}`;
}
