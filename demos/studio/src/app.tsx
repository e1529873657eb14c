import { useEffect, useState } from 'preact/hooks';
import type { Gate, Report } from 'whittle-nn';
import { initialChoice, type DataChoice } from './data/choice.js';
import { DataPanel } from './data/data_panel.js';
import { hasData, makeData } from './data/dataset.js';
import { DigitsPanel } from './digits/digits_panel.js';
import { Footer } from './footer.js';
import { compressAgain, isFloat, keepFloat, narrowedBy } from './layers/keep_float.js';
import { LayersPanel } from './layers/layers_panel.js';
import { useLayers } from './layers/use_layers.js';
import type { WhatIf } from './layers/what_if.js';
import { LayerTable } from './model/layer_table.js';
import { ModelPicker } from './model/model_picker.js';
import type { Opened } from './model/opened.js';
import { useModel, type ModelState } from './model/use_model.js';
import { ErrorNote } from './parts/error_note.js';
import { RecipePanel } from './recipe/recipe_panel.js';
import { recipeOf } from './recipe/steps.js';
import { usePlan } from './recipe/use_plan.js';
import { useRecipe } from './recipe/use_recipe.js';
import { GatePanel } from './result/gate_panel.js';
import { ResultPanel } from './result/result_panel.js';
import { RunPanel } from './result/run_panel.js';
import { useRun } from './result/use_run.js';
import { Welcome } from './welcome.js';

/** Everything below a loaded model; a new model starts it afresh. */
function Workbench({ opened, models }: { opened: Opened; models: ModelState }) {
  const { model, summary, builtIn } = opened;
  const [choice, setChoice] = useState<DataChoice>(() => initialChoice(model, builtIn));
  const [gate, setGate] = useState<Gate>({});
  const recipe = useRecipe(model, hasData(choice));
  const plan = usePlan(model, recipe.recipe);
  const run = useRun();
  const layers = useLayers(model, run.outcome);
  const [whatIf, setWhatIf] = useState<WhatIf>();

  const start = (force: boolean, steps = recipe.recipe): void =>
    run.run({ model, recipe: steps, gate, data: makeData(model, choice), force });
  /** What if this layer stayed float? Changes the recipe accordingly and runs it. */
  const tryFloat = (before: Report, layer: string, float: boolean): void => {
    const steps = float
      ? keepFloat(recipe.drafts, before, layer)
      : compressAgain(recipe.drafts, layer);
    setWhatIf({ layer, float, before });
    recipe.edit(steps);
    start(true, recipeOf(steps));
  };
  const { outcome } = run;
  return (
    <main class="workbench">
      <div class="controls">
        <ModelPicker state={models} />
        <RecipePanel state={recipe} plan={plan} summary={summary} />
        <DataPanel {...{ model, builtIn, choice }} onChange={setChoice} />
        <GatePanel gate={gate} onChange={setGate} />
        <RunPanel
          state={run}
          obstacle={recipe.drafts.length === 0 ? 'Add a step to run' : undefined}
          onRun={(force) => {
            setWhatIf(undefined);
            start(force);
          }}
        />
      </div>
      <div class="stage">
        <ResultPanel opened={opened} outcome={outcome} />
        <LayersPanel
          state={layers}
          outcome={outcome}
          running={run.progress !== undefined}
          whatIf={whatIf}
          choiceOf={(name) => {
            if (isFloat(recipe.drafts, name)) return 'float';
            return outcome && narrowedBy(outcome.report, name).length > 0 ? 'compressed' : 'none';
          }}
          onFloat={(name, float) => outcome && tryFloat(outcome.report, name, float)}
        />
        {builtIn && <DigitsPanel original={model} compressed={outcome?.model} />}
        <LayerTable summary={summary} />
      </div>
    </main>
  );
}

/** Files dropped beside a drop zone must not navigate away from the page. */
function useSafeDrops(onFiles: (files: File[]) => void): void {
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const drop = (event: DragEvent): void => {
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) onFiles(files);
    };
    addEventListener('dragover', over);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', drop);
    };
  }, [onFiles]);
}

export function App({ startProblem }: { startProblem: unknown }) {
  const models = useModel();
  useSafeDrops(models.drop);
  const { opened } = models;
  return (
    <>
      <header class="top">
        <h1>Whittle</h1>
        <p>Make a neural network smaller, and see what it costs.</p>
      </header>
      <ErrorNote error={startProblem} />
      {opened ? (
        <Workbench key={opened.id} opened={opened} models={models} />
      ) : (
        <Welcome state={models} />
      )}
      <Footer />
    </>
  );
}
