import { WhittleError } from './errors.js';
import type { EngineHost } from './engine/host.js';
import type { Id } from './engine/protocol.js';
import { syntheticFeeds } from './dataset/synthetic.js';
import type { Measures } from './generated/report.js';
import { measureLatencies } from './latency.js';
import { loadInto, type Model } from './model.js';
import { measureSizes } from './sizes.js';
import type { Summary } from './summary.js';
import type { Long, NamedValues } from './types.js';

/** Samples of each session in a report's latency; enough for a p95 that is not a single outlier. */
const LATENCY_SAMPLES = 21;
/** A slow model is timed less often rather than for minutes. */
const LATENCY_BUDGET_MS = 3000;

/** A model in an engine, with its bytes as a file. */
export interface Subject {
  model: Model;
  bytes: Uint8Array;
}

/** Loads a copy of a model into another engine. */
export async function transplant(model: Model, host: EngineHost): Promise<Subject> {
  const bytes = await model.toBytes();
  return { model: await loadInto(host, bytes, {}, model.name), bytes };
}

async function staticMeasures(
  { model, bytes }: Subject,
  shapes: Record<string, readonly number[]>,
): Promise<Measures> {
  const [sizes, summary] = await Promise.all([measureSizes(bytes), model.summary(shapes)]);
  const { parameters, macs, nodes } = summary satisfies Summary;
  return {
    bytes: { ...sizes },
    parameters,
    macs,
    nodes,
    opset: model.opset,
    latency: null,
    memory: null,
  };
}

/** The shape of each feed, to make symbolic dimensions concrete. */
const shapesOf = (feeds: NamedValues): Record<string, readonly number[]> =>
  Object.fromEntries(
    Object.entries(feeds).flatMap(([name, value]) =>
      value && 'dims' in value ? [[name, value.dims] as const] : [],
    ),
  );

/**
 * Sizes, parameters and MACs of both models, their latency A B A B on the same feeds, and the memory
 * their sessions hold. Without feeds made-up ones serve; where the model cannot take those (its open
 * dimensions hang together), latency and memory stay unknown.
 */
export async function measurePair(
  host: EngineHost,
  original: Subject,
  compressed: Subject,
  feeds: NamedValues | undefined,
  o: Long,
): Promise<[Measures, Measures]> {
  const used = feeds ?? syntheticFeeds(original.model.inputs);
  const subjects = [original, compressed];
  const shapes = feeds ? shapesOf(feeds) : {};
  const measures = await Promise.all(subjects.map((subject) => staticMeasures(subject, shapes)));
  const sessions: Id[] = [];
  try {
    for (const { model } of subjects) {
      sessions.push(await host.engine.createSession(model.handle.id, {}));
    }
    const handles = sessions.map((id) => ({ host, id }));
    const latencies = await measureLatencies(handles, used, LATENCY_SAMPLES, o, LATENCY_BUDGET_MS);
    for (const [index, measure] of measures.entries()) {
      measure.latency = latencies[index] ?? null;
      measure.memory = await host.engine.memory(sessions[index] as Id);
    }
  } catch (error) {
    if (feeds || !(error instanceof WhittleError) || error.code === 'CRASHED') throw error;
  } finally {
    for (const session of sessions) await host.engine.free(session).catch(() => {});
  }
  return measures as [Measures, Measures];
}
