import { techniques, type Recipe, type Technique } from 'whittle-nn';

export type OptionValue = number | string | boolean | null;

/** One entry of a step's `layers`; what the form has no field for is kept as it is. */
export interface Rule {
  name?: string;
  op?: string;
  skip?: boolean;
  [other: string]: unknown;
}

/** A step as the form edits it. */
export interface DraftStep {
  /** Tells steps apart while they move. */
  key: number;
  technique: string;
  /** Only what was set; the rest is the technique's default. */
  options: Record<string, unknown>;
  rules: Rule[];
}

let lastKey = 0;
export const newStep = (technique: string): DraftStep => ({
  key: ++lastKey,
  technique,
  options: {},
  rules: [],
});

export const findTechnique = (name: string): Technique | undefined =>
  techniques().find((technique) => technique.name === name);

/** The steps of a recipe, ready to be edited. */
export function draftOf(recipe: Recipe): DraftStep[] {
  return (recipe.steps as unknown as readonly Record<string, unknown>[]).map((step) => {
    const { technique, layers, ...options } = step;
    const rules = (Array.isArray(layers) ? layers : []) as Rule[];
    return { ...newStep(String(technique)), options, rules: rules.map((rule) => ({ ...rule })) };
  });
}

/** A rule without the fields that were left empty. */
const compact = (rule: Rule): Rule =>
  Object.fromEntries(
    Object.entries(rule).filter(([, value]) => value !== '' && value !== false),
  ) as Rule;

/** The recipe that the drafts stand for. */
export function recipeOf(drafts: readonly DraftStep[], seed = 1): Recipe {
  const steps = drafts.map(({ technique, options, rules }) => {
    const layers = rules.map(compact).filter((rule) => Object.keys(rule).length > 0);
    return { technique, ...options, ...(layers.length > 0 ? { layers } : {}) };
  });
  return { whittle: 1, seed, steps: steps as unknown as Recipe['steps'] };
}

export const replaceStep = (drafts: readonly DraftStep[], step: DraftStep): DraftStep[] =>
  drafts.map((draft) => (draft.key === step.key ? step : draft));

export const removeStep = (drafts: readonly DraftStep[], key: number): DraftStep[] =>
  drafts.filter((draft) => draft.key !== key);

/** Moves a step by `by` places; at an end it stays. */
export function moveStep(drafts: readonly DraftStep[], key: number, by: -1 | 1): DraftStep[] {
  const from = drafts.findIndex((draft) => draft.key === key);
  const to = from + by;
  const [step, other] = [drafts[from], drafts[to]];
  if (!step || !other) return [...drafts];
  return drafts.map((draft, index) => (index === from ? other : index === to ? step : draft));
}
