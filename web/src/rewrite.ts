import { transplant } from './measure.js';
import { runRecipe } from './compress.js';
import { startEngine } from './engine/host.js';
import type { Step } from './generated/report.js';
import type { Step as RecipeStep } from './generated/recipe.js';
import { expected } from './is.js';
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

/** The same model with constants and normalisations folded and idle nodes gone. */
export async function simplify(model: Model, o: Long = {}): Promise<Rewritten> {
  return rewrite(model, { technique: 'simplify' }, o);
}
