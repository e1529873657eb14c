import type { EngineHost } from './engine/host.js';
import type { Id } from './engine/protocol.js';
import { runLong } from './long.js';
import type { Long, NamedValues, Value } from './types.js';

/** Statistics of one session's samples, in milliseconds. */
export interface LatencyStats {
  medianMs: number;
  p95Ms: number;
  minMs: number;
  samples: number;
  /** Runs that make one sample. */
  runsPerSample: number;
}

export interface Latency extends LatencyStats {
  /** The other session's, when there was one. */
  against?: LatencyStats;
  /** This session's median over the other's. */
  ratio?: number;
}

/** Timers step by 0.1 ms in pages that are not isolated: a sample must last much longer. */
const SAMPLE_MS = 5;
const WARM_UP_RUNS = 2;
const MIN_SAMPLES = 5;

/** The value below which a share `q` of the samples lies, interpolated (Hyndman and Fan 1996, type 7). */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const below = sorted[low] ?? NaN;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] ?? NaN;
  return below + (above - below) * (position - low);
}

function statistics(samples: readonly number[], runsPerSample: number): LatencyStats {
  return {
    medianMs: quantile(samples, 0.5),
    p95Ms: quantile(samples, 0.95),
    minMs: Math.min(...samples),
    samples: samples.length,
    runsPerSample,
  };
}

/**
 * Times sessions on the same feeds in turn, A B A B, so that drift of the machine hits them all.
 * After `budgetMs` it stops early, but not before MIN_SAMPLES of each.
 */
export async function measureLatencies(
  sessions: readonly { host: EngineHost; id: Id }[],
  feeds: NamedValues,
  samples: number,
  o: Long,
  budgetMs = Infinity,
): Promise<LatencyStats[]> {
  return runLong(o, async (report) => {
    const time = ({ host, id }: { host: EngineHost; id: Id }, repeats: number): Promise<number> =>
      host.engine.time(id, copy(feeds), repeats);
    const repeats: number[] = [];
    for (const session of sessions) {
      await time(session, WARM_UP_RUNS);
      const single = await time(session, 1);
      repeats.push(Math.max(1, Math.ceil(SAMPLE_MS / Math.max(single, 0.001))));
    }
    const taken: number[][] = sessions.map(() => []);
    const start = performance.now();
    for (let i = 0; i < samples; i++) {
      if (i >= MIN_SAMPLES && performance.now() - start > budgetMs) break;
      for (const [index, session] of sessions.entries()) {
        taken[index]?.push(await time(session, repeats[index] ?? 1));
      }
      report({ stage: 'benchmark', done: i + 1, total: samples });
    }
    return taken.map((list, index) => statistics(list, repeats[index] ?? 1));
  });
}

function copyValue(value: Value): Value {
  if (value === null) return null;
  if (!('data' in value)) return value.map((item) => ({ ...item, data: item.data.slice() }));
  return { ...value, data: value.data.slice() };
}

function copy(feeds: NamedValues): NamedValues {
  return Object.fromEntries(Object.entries(feeds).map(([name, v]) => [name, copyValue(v)]));
}
