import { techniques, type PlannedStep, type TechniqueOption } from 'whittle-nn';
import { ErrorNote } from '../parts/error_note.js';
import { hasField, OptionField } from './option_field.js';
import { RuleList } from './rule_list.js';
import { findTechnique, type DraftStep } from './steps.js';

interface StepFormProps {
  step: DraftStep;
  number: number;
  count: number;
  plan: PlannedStep | undefined;
  error: unknown;
  names: string;
  operators: readonly string[];
  onChange: (step: DraftStep) => void;
  onMove: (by: -1 | 1) => void;
  onRemove: () => void;
}

function planText({ layers, candidates }: PlannedStep): string {
  if (!layers) return '';
  const taken = layers.length;
  const of = candidates > taken ? ` of ${candidates}` : '';
  return `${taken}${of} layer${(candidates || taken) === 1 ? '' : 's'}`;
}

function withOption(step: DraftStep, name: string, value: unknown): DraftStep {
  const others = Object.entries(step.options).filter(([key]) => key !== name);
  const set = value === undefined ? [] : [[name, value]];
  return { ...step, options: Object.fromEntries([...others, ...set]) };
}

interface OptionsProps {
  options: readonly TechniqueOption[];
  step: DraftStep;
  onChange: (step: DraftStep) => void;
}

function Options({ options, step, onChange }: OptionsProps) {
  return (
    <div class="fields">
      {options.map((option) => (
        <OptionField
          key={option.name}
          option={option}
          value={step.options[option.name]}
          onChange={(value) => onChange(withOption(step, option.name, value))}
        />
      ))}
    </div>
  );
}

/** One step of a recipe: the technique, the options it declares, its layers. */
export function StepForm(props: StepFormProps) {
  const { step, number, count, plan, error, names, operators } = props;
  const { onChange, onMove, onRemove } = props;
  const technique = findTechnique(step.technique);
  const options = technique?.options.filter(hasField) ?? [];
  const usual = options.filter(({ advanced }) => !advanced);
  const rare = options.filter(({ advanced }) => advanced);
  return (
    <li class="step">
      <div class="step-head">
        <span class="step-number" aria-hidden="true">
          {number}
        </span>
        <select
          aria-label={`Technique of step ${number}`}
          value={step.technique}
          onChange={(e) => onChange({ ...step, technique: e.currentTarget.value, options: {} })}
        >
          {techniques().map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <button
          type="button"
          class="icon"
          aria-label={`Move step ${number} up`}
          disabled={number === 1}
          onClick={() => onMove(-1)}
        >
          ↑
        </button>
        <button
          type="button"
          class="icon"
          aria-label={`Move step ${number} down`}
          disabled={number === count}
          onClick={() => onMove(1)}
        >
          ↓
        </button>
        <button type="button" class="icon" aria-label={`Remove step ${number}`} onClick={onRemove}>
          ×
        </button>
      </div>
      <p class="doc">
        {technique?.summary}
        {plan && <span class="plan">{planText(plan)}</span>}
      </p>
      <details>
        <summary>Options and layers</summary>
        <Options options={usual} {...{ step, onChange }} />
        {rare.length > 0 && (
          // Open when one of them is set, so that nothing at work is out of sight.
          <details class="more-options" open={rare.some(({ name }) => name in step.options)}>
            <summary>More options</summary>
            <Options options={rare} {...{ step, onChange }} />
          </details>
        )}
        <RuleList
          rules={step.rules}
          names={names}
          operators={operators}
          onChange={(rules) => onChange({ ...step, rules })}
        />
      </details>
      <ErrorNote error={error} />
    </li>
  );
}
