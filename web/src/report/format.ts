/** Numbers as people read them; the same in the terminal, the page and report.html. */

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
}

export function formatCount(count: number): string {
  if (count < 1e4) return String(count);
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} k`;
  if (count < 1e9) return `${(count / 1e6).toFixed(1)} M`;
  return `${(count / 1e9).toFixed(2)} G`;
}

export function formatMs(ms: number): string {
  if (ms < 0.995) return ms.toFixed(3);
  return ms < 9.95 ? ms.toFixed(2) : ms < 99.5 ? ms.toFixed(1) : ms.toFixed(0);
}

/** A share in [0, 1] in percent. */
export const formatShare = (share: number, digits = 1): string =>
  `${(share * 100).toFixed(digits)} %`;

/** "-71.3 %": how `after` differs from `before`. */
export function formatChange(before: number, after: number): string {
  const change = (after / before - 1) * 100;
  return `${change > 0 ? '+' : ''}${change.toFixed(1)} %`;
}

export const formatDb = (db: number | null | undefined): string =>
  db === null || db === undefined ? 'exact' : `${db.toFixed(1)} dB`;
