import { useEffect, useState } from 'preact/hooks';
import { presetRecipe, type Model, type Preset, type Recipe } from 'whittle-nn';
import { draftOf, recipeOf, type DraftStep } from './steps.js';

export type Start = Preset | 'custom';

export interface RecipeState {
  start: Start;
  drafts: DraftStep[];
  recipe: Recipe;
  error: unknown;
  choose(start: Start): void;
  edit(drafts: DraftStep[]): void;
}

/**
 * The steps being edited. A preset fills them in for the model and the data at hand, again when
 * those change; the first edit makes them the user's own.
 */
export function useRecipe(model: Model | undefined, haveData: boolean): RecipeState {
  const [start, setStart] = useState<Start>('balanced');
  const [drafts, setDrafts] = useState<DraftStep[]>([]);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    if (!model || start === 'custom') return;
    let current = true;
    setError(undefined);
    presetRecipe(model, start, haveData).then(
      (recipe) => current && setDrafts(draftOf(recipe)),
      (reason: unknown) => current && setError(reason),
    );
    return () => {
      current = false;
    };
  }, [model, start, haveData]);
  return {
    start,
    drafts,
    recipe: recipeOf(drafts),
    error,
    choose: setStart,
    edit: (next) => {
      setStart('custom');
      setError(undefined);
      setDrafts(next);
    },
  };
}
