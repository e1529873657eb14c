import type { Report } from '../generated/report.js';

type Step = Report['steps'][number];

/** What a technique found out, as a table of text cells. */
export interface FactTable {
  /** "Layers changed", "Calibration", "Sensitivity" ... */
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** "weightSqnrDb" as "weight SQNR dB". */
const spelled = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/\bsqnr\b/g, 'SQNR')
    .replace(/\bdb\b/g, 'dB')
    .replace(/\bkl\b/g, 'KL');

const titled = (name: string): string => {
  const words = spelled(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const parts: unknown[] = value;
    const range = parts.length === 2 && parts.every((part) => typeof part === 'number');
    return parts.map(cell).join(range ? ' to ' : ', ');
  }
  return JSON.stringify(value);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One level of objects in objects becomes columns: {sqnrDb: {kl: 30}} is "SQNR dB, KL". */
function flat(record: Record<string, unknown>): Map<string, string> {
  const cells = new Map<string, string>();
  for (const [key, value] of Object.entries(record)) {
    if (!isRecord(value)) cells.set(spelled(key), cell(value));
    else {
      for (const [inner, each] of Object.entries(value)) {
        cells.set(`${spelled(key)}, ${spelled(inner)}`, cell(each));
      }
    }
  }
  return cells;
}

function tableOf(title: string, records: readonly Record<string, unknown>[]): FactTable {
  const rows = records.map(flat);
  const head = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return { title, head, rows: rows.map((row) => head.map((name) => row.get(name) ?? '-')) };
}

/**
 * Everything a step found out, whatever its technique: a table for the layers it changed, and one
 * for each of its facts. Made from the report's shape, so that a new fact needs nothing here.
 */
export function stepTables(step: Step): FactTable[] {
  const tables: FactTable[] = [];
  const layers = (step.details ?? []).filter(({ detail }) => detail);
  if (layers.length > 0) {
    const records = layers.map(({ name, op, detail }) => ({
      layer: name,
      operator: op,
      ...detail,
    }));
    tables.push(tableOf('Layers changed', records));
  }
  for (const [name, fact] of Object.entries(step.facts ?? {})) {
    const records = Array.isArray(fact) ? (fact as unknown[]).filter(isRecord) : [];
    if (records.length > 0) tables.push(tableOf(titled(name), records));
    else tables.push(tableOf(titled(name), [isRecord(fact) ? fact : { value: fact }]));
  }
  return tables;
}
