import {
  evaluatePair,
  firstFeeds,
  gateError,
  judgeGate,
  type CompareOptions,
  type Gate,
} from './compare.js';
import { isOneShot, isSynthetic, splitDataset } from './dataset/dataset.js';
import { driveJob, type Readable } from './drive.js';
import { startEngine, type EngineHost } from './engine/host.js';
import { describeEnvironment } from './environment.js';
import { WhittleError } from './errors.js';
import type { Evaluation, Report, Step } from './generated/report.js';
import type { Recipe } from './generated/recipe.js';
import { version } from './generated/version.js';
import { checkKeys, expected, isObject } from './is.js';
import { layersOf } from './layers.js';
import { runLong } from './long.js';
import { measurePair, transplant, type Subject } from './measure.js';
import { loadInto, loadModel, type Model } from './model.js';
import { createSession, type Session } from './session.js';
import type { Dataset, Progress } from './types.js';

export type Preset = 'safest' | 'smallest' | 'fastest' | 'balanced';
const PRESETS: readonly string[] = ['safest', 'smallest', 'fastest', 'balanced'];

export interface CompressOptions extends CompareOptions {
  /** Laid over the recipe's own gate. */
  gate?: Gate;
  /** Samples, split by the recipe's seed into calibration and evaluation. */
  data?: Dataset;
  /** The two given apart; calibration alone may be readable only once. */
  calibration?: Readable;
  evaluation?: Dataset;
  /** A measure of the caller's own, larger is better; the gate's maxDrop judges it. */
  evaluate?: (session: Session, data: Dataset) => Promise<number>;
  /** Return the model although it missed the gate; the report says so. */
  keep?: boolean;
}

/** Samples of the original looked at before any work, to notice wrong preprocessing early. */
const PREFLIGHT_SAMPLES = 64;

const OPTION_NAMES = [
  'gate',
  'data',
  'calibration',
  'evaluation',
  'evaluate',
  'keep',
  'outputs',
  'layers',
  'force',
  'signal',
  'onProgress',
];

interface Split {
  calibration: Readable | undefined;
  evaluation: Dataset | undefined;
}

function splitData(o: CompressOptions, seed: number): Split {
  if (o.data !== undefined && (o.calibration ?? o.evaluation) !== undefined) {
    throw new WhittleError(
      'INVALID_OPTION',
      'Expected either data, or calibration and evaluation apart, but received both',
      { where: 'data' },
    );
  }
  if (o.data === undefined) return { calibration: o.calibration, evaluation: o.evaluation };
  if (isOneShot(o.data)) {
    throw new WhittleError(
      'DATA_NOT_REITERABLE',
      'Expected data that can be read again, for calibration and for evaluation, but received a one-shot iterable',
      {
        where: 'data',
        hint: 'Give an array, or a function that returns a fresh iterable',
      },
    );
  }
  return splitDataset(o.data, seed);
}

/**
 * The recipe that a preset stands for on this model; with data, networks of convolutions get static
 * quantization. Throws INVALID_RECIPE for an unknown name.
 */
export async function presetRecipe(
  model: Model,
  preset: Preset,
  haveData: boolean,
): Promise<Recipe> {
  if (!PRESETS.includes(preset)) {
    throw expected(`a recipe or one of ${PRESETS.join(', ')}`, 'recipe', preset, 'INVALID_RECIPE');
  }
  const { host, id } = model.handle;
  return (await host.engine.presetRecipe(id, preset, haveData)) as Recipe;
}

async function resolveRecipe(
  model: Model,
  recipe: Recipe | Preset,
  haveData: boolean,
): Promise<Recipe> {
  if (typeof recipe === 'string') return presetRecipe(model, recipe, haveData);
  if (!isObject(recipe))
    throw expected('a recipe object or the name of a preset', 'recipe', recipe, 'INVALID_RECIPE');
  return recipe;
}

interface EngineReport {
  steps: Step[];
  recipe: Record<string, unknown>;
  warnings?: string[];
}

/** Runs the recipe and loads what it wrote, as a user would. */
export async function runRecipe(
  host: EngineHost,
  original: Subject,
  recipe: Recipe,
  calibration: Readable | undefined,
  progress: (p: Progress) => void,
): Promise<{ subject: Subject; report: EngineReport; calibrated: number }> {
  const traits = {
    haveData: calibration !== undefined,
    reiterable: calibration !== undefined && !isOneShot(calibration),
    synthetic:
      typeof calibration === 'object' || typeof calibration === 'function'
        ? isSynthetic(calibration as Dataset)
        : false,
  };
  const job = await host.engine.startCompress(original.model.handle.id, recipe, traits);
  try {
    const calibrated = await driveJob(host, job, original.model.inputs, calibration, progress);
    const report = (await host.engine.jobReport(job)) as EngineReport;
    const result = await host.engine.jobModel(job);
    const bytes = await host.engine.toBytes(result.id);
    await host.engine.free(result.id);
    return {
      subject: { model: await loadInto(host, bytes.slice(), {}, original.model.name), bytes },
      report,
      calibrated,
    };
  } finally {
    await host.engine.free(job).catch(() => {});
  }
}

async function userMetric(
  o: CompressOptions,
  subjects: Subject[],
  data: Dataset | undefined,
): Promise<Report['metric']> {
  if (!o.evaluate || !data) return null;
  const scores: number[] = [];
  for (const { model } of subjects) {
    const session = await createSession(model);
    try {
      scores.push(await o.evaluate(session, data));
    } finally {
      await session.dispose();
    }
  }
  return { original: scores[0] as number, compressed: scores[1] as number };
}

/**
 * Compresses a model by a recipe or preset, measures what came out, and judges it by the recipe's
 * gate. Runs in an engine of its own, which is ended afterwards. Rejects with GATE_FAILED (report
 * attached), INVALID_RECIPE, UNKNOWN_TECHNIQUE, INVALID_OPTION, NO_SUCH_LAYER, ALREADY_QUANTIZED,
 * CALIBRATION_REQUIRED, DATA_NOT_REITERABLE, INVALID_DATA, PREPROCESSING_SUSPECT.
 */
export async function compress(
  model: Model,
  recipe: Recipe | Preset,
  o: CompressOptions = {},
): Promise<{ model: Model; report: Report }> {
  checkKeys(o, OPTION_NAMES, 'compress');
  const host = await startEngine();
  try {
    const { bytes, report } = await runLong(o, async (progress) => {
      const original = await transplant(model, host);
      const haveData = (o.data ?? o.calibration) !== undefined;
      const resolved = await resolveRecipe(original.model, recipe, haveData);
      const { calibration, evaluation } = splitData(o, resolved.seed ?? 0);
      if (evaluation && !o.force) {
        await evaluatePair(host, original.model, null, evaluation, o, progress, PREFLIGHT_SAMPLES);
      }
      const made = await runRecipe(host, original, resolved, calibration, progress);
      const measured: Evaluation | null = evaluation
        ? await evaluatePair(
            host,
            original.model,
            made.subject.model,
            evaluation,
            { ...o, force: true },
            progress,
          )
        : null;
      const layers =
        o.layers && evaluation
          ? await layersOf(host, original.model, made.subject.model, evaluation, progress)
          : null;
      const readable = calibration !== undefined && !isOneShot(calibration);
      const feeds = await firstFeeds(
        original.model,
        evaluation ?? (readable ? calibration : undefined),
      );
      const [before, after] = await measurePair(host, original, made.subject, feeds, {
        onProgress: progress,
      });
      const complete: Report = {
        report: 1,
        tool: { name: 'whittle', version },
        date: new Date().toISOString(),
        environment: await describeEnvironment(await host.engine.capabilities()),
        model: model.name,
        recipe: made.report.recipe,
        original: before,
        compressed: after,
        steps: made.report.steps,
        data: {
          calibration: made.calibrated,
          evaluation: measured?.samples ?? 0,
          synthetic: isSynthetic(evaluation),
          overlap: false,
        },
        evaluation: measured,
        metric: await userMetric(o, [original, made.subject], evaluation),
        gate: await judgeGate(host, { ...resolved.gate, ...o.gate }, measured),
        ...(layers ? { layers } : {}),
        warnings: made.report.warnings ?? [],
      };
      return { bytes: made.subject.bytes, report: complete };
    });
    if (report.gate && !report.gate.pass && !o.keep) throw gateError(report);
    return { model: await loadModel(bytes), report };
  } finally {
    host.end();
  }
}

/** What a step would do: its layers, the passes over the data, the bytes to expect. */
export interface PlannedStep {
  technique: string;
  candidates: number;
  layers: readonly { name: string; op: string; weights: number; bytes: number }[];
  dataPasses: number;
  /** Null where only the run can tell. */
  estimatedBytes: number | null;
}
export interface Plan {
  steps: readonly PlannedStep[];
  dataPasses: number;
  needsData: boolean;
  bytes: number;
  estimatedBytes: number | null;
  peakMemory: number;
}

/** A dry run: checks the recipe against the model and says what it would touch and need. */
export async function explain(model: Model, recipe: Recipe | Preset): Promise<Plan> {
  const { host, id } = model.handle;
  const resolved = await resolveRecipe(model, recipe, true);
  return (await host.engine.explain(id, resolved)) as Plan;
}
