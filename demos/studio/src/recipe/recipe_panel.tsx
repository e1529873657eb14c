import { useId } from 'preact/hooks';
import { techniques, type Summary } from 'whittle-nn';
import { formatBytes } from 'whittle-nn/report';
import { ErrorNote } from '../parts/error_note.js';
import { Panel } from '../parts/panel.js';
import { Segmented } from '../parts/segmented.js';
import { RecipeJson } from './recipe_json.js';
import { StepForm } from './step_form.js';
import { moveStep, newStep, removeStep, replaceStep } from './steps.js';
import type { PlanState } from './use_plan.js';
import type { RecipeState, Start } from './use_recipe.js';

const STARTS: readonly { value: Start; text: string; title: string }[] = [
  { value: 'safest', text: 'Safest', title: '16-bit weights: half the size, the same answers' },
  { value: 'balanced', text: 'Balanced', title: '8-bit integers, first and last layer in float' },
  { value: 'fastest', text: 'Fastest', title: '8-bit integer arithmetic throughout' },
  { value: 'smallest', text: 'Smallest', title: 'Low-rank layers, then 8-bit integers' },
  { value: 'custom', text: 'Custom', title: 'Your own steps' },
];

interface RecipePanelProps {
  state: RecipeState;
  plan: PlanState;
  summary: Summary;
}

function PlanLine({ plan }: { plan: PlanState['plan'] }) {
  if (!plan) return <p class="doc">&nbsp;</p>;
  const estimate =
    plan.estimatedBytes === null
      ? ''
      : `Weights ${formatBytes(plan.bytes)} to about ${formatBytes(plan.estimatedBytes)}. `;
  return (
    <p class="doc">
      {estimate}
      {plan.needsData ? 'Needs calibration data.' : 'Needs no data.'}
    </p>
  );
}

/** A preset, or steps of one's own. */
export function RecipePanel({ state, plan, summary }: RecipePanelProps) {
  const { drafts, edit } = state;
  const names = useId();
  const operators = [...new Set(summary.layers.map((layer) => layer.op))].sort();
  const first = techniques()[0]?.name ?? '';
  return (
    <Panel title="Recipe">
      <Segmented
        legend="Preset"
        value={state.start}
        choices={STARTS}
        onChange={(start) => state.choose(start)}
      />
      <datalist id={names}>
        {summary.layers.map((layer, index) => (
          <option key={index} value={layer.name} />
        ))}
      </datalist>
      <ol class="steps">
        {drafts.map((step, index) => (
          <StepForm
            key={step.key}
            step={step}
            number={index + 1}
            count={drafts.length}
            plan={plan.plan?.steps[index]}
            error={plan.errorStep === index ? plan.error : undefined}
            names={names}
            operators={operators}
            onChange={(next) => edit(replaceStep(drafts, next))}
            onMove={(by) => edit(moveStep(drafts, step.key, by))}
            onRemove={() => edit(removeStep(drafts, step.key))}
          />
        ))}
      </ol>
      <button type="button" onClick={() => edit([...drafts, newStep(first)])}>
        Add a step
      </button>
      <PlanLine plan={plan.plan} />
      <ErrorNote error={state.error ?? (plan.errorStep === undefined ? plan.error : undefined)} />
      <RecipeJson recipe={state.recipe} onEdit={edit} />
    </Panel>
  );
}
