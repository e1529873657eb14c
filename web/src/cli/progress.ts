import type { Progress } from '../types.js';

const BAR = 24;

/** One line on a terminal that is rewritten in place; nothing where output is piped. */
export class ProgressLine {
  private shown = false;
  private last = 0;

  readonly update = (p: Progress): void => {
    if (!process.stderr.isTTY) return;
    const now = performance.now();
    if (now - this.last < 60 && p.done !== p.total) return;
    this.last = now;
    const share = p.total ? p.done / p.total : undefined;
    const filled = Math.round((share ?? 0) * BAR);
    const bar = share === undefined ? ''.padEnd(BAR, '.') : '#'.repeat(filled).padEnd(BAR, '.');
    const eta = p.etaMs && p.etaMs > 2000 ? `, ${Math.round(p.etaMs / 1000)} s left` : '';
    const count = p.total ? `${p.done}/${p.total}` : String(p.done);
    const text = `[${bar}] ${p.stage} ${count}${p.layer ? ` ${p.layer}` : ''}${eta}`;
    process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 100) - 1)}`);
    this.shown = true;
  };

  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
    this.shown = false;
  }
}
