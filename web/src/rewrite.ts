import { transplant } from './measure.js';
import { runRecipe } from './compress.js';
import { startEngine } from './engine/host.js';
import type { Step } from './generated/report.js';
import type { Step as RecipeStep } from './generated/recipe.js';
import { checkKeys, expected, isObject } from './is.js';
import { runLong } from './long.js';
import { loadModel, type Model } from './model.js';
import type { Long } from './types.js';

/** The two ways ONNX writes an integer operator. */
export type QuantizedForm = 'qdq' | 'qoperator';

/** A model in another form, and how many nodes of each operator it had and has. */
export interface Rewritten {
  model: Model;
  operators: { before: Record<string, number>; after: Record<string, number> };
  /** Layers that stay as they were, with the reason. */
  left: { reason: string; layers: string[] }[];
}

/** Runs one step that keeps what the model computes; nothing is measured. */
async function rewrite(model: Model, step: RecipeStep, o: Long): Promise<Rewritten> {
  const host = await startEngine();
  try {
    const { bytes, steps } = await runLong(o, async (progress) => {
      const original = await transplant(model, host);
      const recipe = { whittle: 1, steps: [{ ...step, keep: true }] } as const;
      const made = await runRecipe(host, original, recipe, undefined, progress);
      return { bytes: made.subject.bytes, steps: made.report.steps };
    });
    const result = await loadModel(bytes);
    const [before, after] = [await model.summary(), await result.summary()];
    const reasons = (steps[0] as Step).layers.reasons;
    return {
      model: result,
      operators: { before: before.operators, after: after.operators },
      left: reasons.map(({ reason, layers }) => ({ reason, layers: [...(layers ?? [])] })),
    };
  } finally {
    host.end();
  }
}

/**
 * Turns the two forms of a quantized model into each other, with the same arithmetic:
 * QuantizeLinear / DequantizeLinear around float operators ("qdq"), and operators on integers
 * ("qoperator": QLinearConv, QLinearMatMul, and those of com.microsoft). Rejects with
 * INVALID_OPTION.
 */
export async function convert(model: Model, to: QuantizedForm, o: Long = {}): Promise<Rewritten> {
  if (to !== 'qdq' && to !== 'qoperator') throw expected("'qdq' or 'qoperator'", 'to', to);
  return rewrite(model, { technique: 'convert', to }, o);
}

export interface SimplifyOptions extends Long {
  /**
   * The ai.onnx opset to write, 13 to 28 (default: the model's own). Newer operators are written out;
   * what LayerNormalization (17), Gelu (20), RMSNormalization and Attention (23) say is joined where
   * the opset has them.
   */
  opset?: number;
  /**
   * Sizes to fix: of inputs (`{ image: [1, 3, 224, 224] }`) and of named dimensions (`{ batch: 1 }`).
   */
  shapes?: Readonly<Record<string, readonly number[] | number>>;
}

/** Sizes as the technique takes them. */
function shapeTexts(shapes: NonNullable<SimplifyOptions['shapes']>): Record<string, string> {
  const isSize = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
  const entries = Object.entries(shapes).map(([name, sizes]): [string, string] => {
    const list = Array.isArray(sizes) ? (sizes as readonly number[]) : [sizes as number];
    if (!list.every(isSize)) throw expected('whole numbers', `shapes.${name}`, sizes);
    return [name, list.join('x')];
  });
  return Object.fromEntries(entries);
}

/**
 * The same model with constants, known shapes and normalisations folded, patterns joined, and what
 * is idle or computed twice gone. Rejects with INVALID_OPTION, also where the opset asked for has
 * no way to say what an operator does.
 */
export async function simplify(model: Model, o: SimplifyOptions = {}): Promise<Rewritten> {
  checkKeys(o, ['opset', 'shapes', 'signal', 'onProgress'], 'simplify');
  const { opset, shapes, ...long } = o;
  if (shapes !== undefined && !isObject(shapes)) {
    throw expected('an object of names to sizes', 'shapes', shapes);
  }
  const step: RecipeStep = {
    technique: 'simplify',
    ...(opset === undefined ? {} : { opset }),
    ...(shapes === undefined ? {} : { shapes: shapeTexts(shapes) }),
  };
  return rewrite(model, step, long);
}
