import { useId } from 'preact/hooks';

interface SegmentedProps<T extends string> {
  legend: string;
  value: T | undefined;
  choices: readonly { value: T; text: string; title?: string; disabled?: boolean }[];
  onChange: (value: T) => void;
}

/** A few choices side by side; radio buttons to the keyboard and to screen readers. */
export function Segmented<T extends string>(props: SegmentedProps<T>) {
  const name = useId();
  const { legend, value, choices, onChange } = props;
  return (
    <fieldset class="segmented">
      <legend class="hidden">{legend}</legend>
      {choices.map((choice) => (
        <label key={choice.value} title={choice.title}>
          <input
            type="radio"
            name={name}
            checked={choice.value === value}
            disabled={choice.disabled ?? false}
            onChange={() => onChange(choice.value)}
          />
          <span>{choice.text}</span>
        </label>
      ))}
    </fieldset>
  );
}
