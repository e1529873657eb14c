import type { TechniqueOption } from 'whittle-nn';
import { Field, NumberField } from '../parts/field.js';

interface OptionFieldProps {
  option: TechniqueOption;
  /** Undefined: not set, the default holds. */
  value: unknown;
  onChange: (value: unknown) => void;
}

const spelled = (name: string): string =>
  name.replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

function ChoiceField({ option, value, onChange }: OptionFieldProps) {
  const preset = option.default;
  return (
    <Field label={spelled(option.name)} doc={option.doc}>
      {(id) => (
        <select
          id={id}
          value={String(value ?? preset ?? '')}
          onChange={(e) => {
            const chosen = e.currentTarget.value;
            const isPreset = chosen === '' || chosen === String(preset);
            const wanted = option.type === 'integer' ? Number(chosen) : chosen;
            onChange(isPreset ? undefined : wanted);
          }}
        >
          {(preset === null || preset === undefined) && <option value="">not set</option>}
          {(option.choices ?? []).map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )}
    </Field>
  );
}

function FlagField({ option, value, onChange }: OptionFieldProps) {
  const preset = option.default === true;
  return (
    <Field label={spelled(option.name)} doc={option.doc}>
      {(id) => (
        <input
          id={id}
          type="checkbox"
          checked={typeof value === 'boolean' ? value : preset}
          onChange={(e) => {
            const { checked } = e.currentTarget;
            onChange(checked === preset ? undefined : checked);
          }}
        />
      )}
    </Field>
  );
}

/** A box for each choice; at least one stays checked. */
function ListField({ option, value, onChange }: OptionFieldProps) {
  const choices = option.choices ?? [];
  const preset = Array.isArray(option.default) ? (option.default as readonly string[]) : [];
  const chosen = Array.isArray(value) ? (value as readonly string[]) : preset;
  const toggle = (choice: string, on: boolean): void => {
    const wanted = choices.filter((each) => (each === choice ? on : chosen.includes(each)));
    if (wanted.length === 0) return;
    const isPreset =
      wanted.length === preset.length && wanted.every((each) => preset.includes(each));
    onChange(isPreset ? undefined : wanted);
  };
  return (
    <Field label={spelled(option.name)} doc={option.doc}>
      {(id) => (
        <span id={id} role="group" aria-label={spelled(option.name)}>
          {choices.map((choice) => (
            <label key={choice}>
              <input
                type="checkbox"
                checked={chosen.includes(choice)}
                onChange={(e) => toggle(choice, e.currentTarget.checked)}
              />
              {choice}
            </label>
          ))}
        </span>
      )}
    </Field>
  );
}

function TextField({ option, value, onChange }: OptionFieldProps) {
  return (
    <Field label={spelled(option.name)} doc={option.doc}>
      {(id) => (
        <input
          id={id}
          type="text"
          value={typeof value === 'string' ? value : ''}
          placeholder={String(option.default ?? '')}
          onInput={(e) => onChange(e.currentTarget.value || undefined)}
        />
      )}
    </Field>
  );
}

/** "0 to 1", "at least 1": what the number may be. */
function rangeText({ min, max }: TechniqueOption): string {
  const [low, high] = [min ?? null, max ?? null];
  if (low !== null && high !== null) return `${low} to ${high}`;
  if (low !== null) return `at least ${low}`;
  return high !== null ? `at most ${high}` : '';
}

/** Whether a form can set it: ranges and lists are for recipes made by a run. */
export const hasField = ({ type }: TechniqueOption): boolean =>
  type !== 'ranges' && type !== 'numbers';

/** The control an option declares for itself. */
export function OptionField(props: OptionFieldProps) {
  const { option, value, onChange } = props;
  switch (option.type) {
    case 'choice':
      return <ChoiceField {...props} />;
    case 'boolean':
      return <FlagField {...props} />;
    case 'list':
      return <ListField {...props} />;
    case 'text':
      return <TextField {...props} />;
    case 'number':
    case 'integer': {
      if (option.choices) return <ChoiceField {...props} />;
      const range = rangeText(option);
      const preset = option.default ?? null;
      return (
        <NumberField
          label={spelled(option.name)}
          doc={`${option.doc}${range ? ` (${range})` : ''}`}
          unit={option.unit ?? ''}
          value={typeof value === 'number' ? value : undefined}
          min={option.min ?? undefined}
          max={option.max ?? undefined}
          step={option.type === 'integer' ? 1 : 'any'}
          placeholder={preset === null ? 'not set' : String(preset)}
          onChange={onChange}
        />
      );
    }
    default:
      return null;
  }
}
