import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  label: string;
  /** One line below the control. */
  doc?: string | undefined;
  children: (id: string) => ComponentChildren;
}

/** A control with its label and explanation tied to it. */
export function Field({ label, doc, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {doc && <p class="doc">{doc}</p>}
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  doc?: string;
  value: T;
  choices: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

export function SelectField<T extends string>(props: SelectProps<T>) {
  const { label, doc, value, choices, onChange } = props;
  return (
    <Field label={label} doc={doc}>
      {(id) => (
        <select id={id} value={value} onChange={(e) => onChange(e.currentTarget.value as T)}>
          {choices.map(([choice, text]) => (
            <option key={choice} value={choice}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface NumberProps {
  label: string;
  doc?: string;
  unit?: string;
  value: number | undefined;
  min?: number | undefined;
  max?: number | undefined;
  /** 'any' or the distance of the arrows. */
  step?: number | 'any';
  /** Shown while there is no value. */
  placeholder?: string | undefined;
  onChange: (value: number | undefined) => void;
}

export function NumberField(props: NumberProps) {
  const { label, doc, unit, value, min, max, step = 'any', placeholder, onChange } = props;
  return (
    <Field label={label} doc={doc}>
      {(id) => (
        <span class="with-unit">
          <input
            id={id}
            type="number"
            inputMode="decimal"
            {...{ min, max, step, placeholder }}
            value={value ?? ''}
            onInput={(e) => {
              const number = e.currentTarget.valueAsNumber;
              onChange(Number.isNaN(number) ? undefined : number);
            }}
          />
          {unit && <span class="unit">{unit}</span>}
        </span>
      )}
    </Field>
  );
}
