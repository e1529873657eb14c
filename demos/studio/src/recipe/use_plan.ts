import { useEffect, useState } from 'preact/hooks';
import { explain, WhittleError, type Model, type Plan, type Recipe } from 'whittle-nn';

export interface PlanState {
  plan: Plan | undefined;
  error: unknown;
  /** Number of the step the error is about, when it is about one. */
  errorStep: number | undefined;
}

/** Typing pauses this long before the recipe is looked at. */
const PAUSE_MS = 200;
const NOTHING: PlanState = { plan: undefined, error: undefined, errorStep: undefined };

function stepOf(error: unknown): number | undefined {
  const match = error instanceof WhittleError && /^steps\[(\d+)\]/.exec(error.where ?? '');
  return match ? Number(match[1]) : undefined;
}

/** What the recipe would do to the model, or what is wrong with it, while it is being written. */
export function usePlan(model: Model | undefined, recipe: Recipe): PlanState {
  const [state, setState] = useState<PlanState>(NOTHING);
  const text = JSON.stringify(recipe);
  useEffect(() => {
    let current = true;
    if (!model || recipe.steps.length === 0) {
      setState(NOTHING);
      return;
    }
    const look = async (): Promise<void> => {
      try {
        const plan = await explain(model, recipe);
        if (current) setState({ ...NOTHING, plan });
      } catch (error) {
        if (current) setState({ plan: undefined, error, errorStep: stepOf(error) });
      }
    };
    const timer = setTimeout(() => void look(), PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
    // The text stands for the recipe, which is a new object on every rendering.
  }, [model, text]);
  return state;
}
