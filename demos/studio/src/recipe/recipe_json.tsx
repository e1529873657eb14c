import { useState } from 'preact/hooks';
import type { Recipe } from 'whittle-nn';
import { CopyButton } from '../parts/copy_button.js';
import { ErrorNote } from '../parts/error_note.js';
import { draftOf, type DraftStep } from './steps.js';

interface RecipeJsonProps {
  recipe: Recipe;
  onEdit: (drafts: DraftStep[]) => void;
}

function parse(text: string): DraftStep[] {
  const recipe = JSON.parse(text) as Recipe;
  if (!Array.isArray(recipe?.steps)) throw new Error('Expected an object with a list of "steps"');
  return draftOf(recipe);
}

/** The recipe as the command line and the library take it; typing here edits the steps. */
export function RecipeJson({ recipe, onEdit }: RecipeJsonProps) {
  const [typed, setTyped] = useState<string>();
  const [error, setError] = useState<unknown>();
  const text = typed ?? JSON.stringify(recipe, null, 2);
  const type = (value: string): void => {
    setTyped(value);
    try {
      onEdit(parse(value));
      setError(undefined);
    } catch (reason) {
      setError(reason);
    }
  };
  return (
    <details class="recipe-json">
      <summary>Recipe as JSON</summary>
      <div class="json-box">
        <textarea
          aria-label="Recipe as JSON"
          spellcheck={false}
          rows={Math.min(18, text.split('\n').length)}
          value={text}
          onInput={(e) => type(e.currentTarget.value)}
          onBlur={() => {
            if (error === undefined) setTyped(undefined);
          }}
        />
        <CopyButton text={text} />
      </div>
      <ErrorNote error={error} />
    </details>
  );
}
