import { WhittleError, type Code } from './errors.js';
import type { TypedArray } from './types.js';

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isTypedArray = (value: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);

/** A short description of a value for messages. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (
    value === null ||
    value === undefined ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  ) {
    return String(value);
  }
  if (isTypedArray(value)) return `${value.constructor.name} of ${value.length} elements`;
  if (Array.isArray(value)) return `an array of ${value.length} elements`;
  if (typeof value === 'function') return 'a function';
  return (value as object).constructor?.name ?? 'an object';
}

/** The uniform message: "Expected <what> for <name> but received <value>". */
export function expected(
  what: string,
  name: string,
  value: unknown,
  code: Code = 'INVALID_OPTION',
): WhittleError {
  return new WhittleError(code, `Expected ${what} for ${name} but received ${show(value)}`, {
    where: name,
  });
}

/** Edits, swaps of neighbours included, that turn one word into the other (Damerau 1964). */
export function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          cell(i - 1, j - 1) + (same ? 0 : 1),
          cell(i - 1, j) + 1,
          cell(i, j - 1) + 1,
          swapped ? cell(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return cell(a.length, b.length);
}

/** ". Did you mean 'x'?" when one of the candidates is close, else "". */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (!best || best.distance > Math.max(2, word.length / 3)) return '';
  return `. Did you mean '${best.candidate}'?`;
}

/** Throws INVALID_OPTION for a key that is not among `known`. */
export function checkKeys(options: object, known: readonly string[], name: string): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new WhittleError(
        'INVALID_OPTION',
        `Expected one of ${known.join(', ')} in ${name} but received '${key}'${didYouMean(key, known)}`,
        { where: `${name}.${key}` },
      );
    }
  }
}
