import { isSynthetic, readDataset } from './dataset/dataset.js';
import { driveJob } from './drive.js';
import { startEngine, type EngineHost } from './engine/host.js';
import { describeEnvironment } from './environment.js';
import { WhittleError } from './errors.js';
import { completeSample } from './feeds.js';
import type { Evaluation, GateResult, Report } from './generated/report.js';
import { version } from './generated/version.js';
import { checkKeys } from './is.js';
import { layersOf } from './layers.js';
import { runLong } from './long.js';
import { measurePair, transplant } from './measure.js';
import type { Model } from './model.js';
import type { Dataset, Long, NamedValues, Progress } from './types.js';

/** Accuracy bounds, judged against the pessimistic end of the 95 % interval. */
export interface Gate {
  /** Least share of samples with the same top-1 answer as the original, 0 to 1. */
  minAgreement?: number;
  /** Most accuracy lost against the labels, 0 to 1. */
  maxDrop?: number;
  /** Least signal to quantization noise ratio of every output, in dB. */
  minSqnrDb?: number;
}

export interface CompareOptions extends Long {
  gate?: Gate;
  /** What outputs hold, by name, where it should not be guessed from their shapes. */
  outputs?: Record<string, 'values' | 'classes' | 'pixels'>;
  /** Also compare what the layers make, into `report.layers` (compareLayers alone does not time). */
  layers?: boolean;
  /** Go on although the original does no better than chance. */
  force?: boolean;
}

const isEmpty = (gate: Gate | undefined): boolean => !gate || Object.keys(gate).length === 0;

/** The first sample's feeds, for timing. */
export async function firstFeeds(
  model: Model,
  data: Dataset | undefined,
): Promise<NamedValues | undefined> {
  if (!data) return undefined;
  for await (const sample of readDataset(data)) {
    return completeSample(model.inputs, sample, 0).feeds;
  }
  return undefined;
}

/** Runs both models over the data. With null in place of the second only the original is looked at. */
export async function evaluatePair(
  host: EngineHost,
  original: Model,
  compressed: Model | null,
  data: Dataset,
  o: Pick<CompareOptions, 'outputs' | 'force'>,
  report: (progress: Progress) => void,
  limit?: number,
): Promise<Evaluation> {
  const options = {
    outputs: o.outputs ?? {},
    checkPreprocessing: !o.force,
    synthetic: isSynthetic(data),
  };
  const job = await host.engine.startCompare(
    original.handle.id,
    compressed?.handle.id ?? null,
    options,
  );
  try {
    await driveJob(host, job, original.inputs, data, report, limit);
    return (await host.engine.jobReport(job)) as Evaluation;
  } finally {
    await host.engine.free(job).catch(() => {});
  }
}

/** Judges an evaluation; null without a gate. */
export async function judgeGate(
  host: EngineHost,
  gate: Gate | undefined,
  evaluation: Evaluation | null,
): Promise<GateResult | null> {
  if (isEmpty(gate)) return null;
  return (await host.engine.judge(gate, evaluation ?? {})) as GateResult;
}

/** The error of a missed gate. */
export function gateError(report: Report): WhittleError {
  const missed =
    report.gate?.checks.filter((check) => !check.pass).map((check) => check.text) ?? [];
  return new WhittleError(
    'GATE_FAILED',
    `Expected the compressed model to pass the gate but it missed: ${missed.join('; ')}`,
    {
      where: 'gate',
      report,
    },
  );
}

/**
 * Compares two models on the same data: sizes, speed (A B A B) and fidelity. Rejects with
 * GATE_FAILED (report attached) when a gate is given and missed.
 */
export async function compare(
  original: Model,
  compressed: Model,
  data: Dataset,
  o: CompareOptions = {},
): Promise<Report> {
  checkKeys(o, ['gate', 'outputs', 'layers', 'force', 'signal', 'onProgress'], 'compare');
  const host = await startEngine();
  try {
    return await runLong(o, async (progress) => {
      const a = await transplant(original, host);
      const b = await transplant(compressed, host);
      const evaluation = await evaluatePair(host, a.model, b.model, data, o, progress);
      const layers = o.layers ? await layersOf(host, a.model, b.model, data, progress) : null;
      const gate = await judgeGate(host, o.gate, evaluation);
      const feeds = await firstFeeds(a.model, data);
      const [originalMeasures, compressedMeasures] = await measurePair(host, a, b, feeds, {
        onProgress: progress,
      });
      const report: Report = {
        report: 1,
        tool: { name: 'whittle', version },
        date: new Date().toISOString(),
        environment: await describeEnvironment(await host.engine.capabilities()),
        model: original.name,
        recipe: null,
        original: originalMeasures,
        compressed: compressedMeasures,
        steps: [],
        data: {
          calibration: 0,
          evaluation: evaluation.samples,
          synthetic: isSynthetic(data),
          overlap: false,
        },
        evaluation,
        metric: null,
        gate,
        ...(layers ? { layers } : {}),
        warnings: [],
      };
      if (gate && !gate.pass) throw gateError(report);
      return report;
    });
  } finally {
    host.end();
  }
}
