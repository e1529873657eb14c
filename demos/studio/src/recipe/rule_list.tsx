import type { Rule } from './steps.js';

interface RuleListProps {
  rules: readonly Rule[];
  /** Id of a datalist with the layers' names. */
  names: string;
  operators: readonly string[];
  onChange: (rules: Rule[]) => void;
}

/** Fields of a rule that have no control here: index and per-layer options. */
function otherFields({ name: _name, op: _op, skip: _skip, ...others }: Rule): string {
  return Object.keys(others).length > 0 ? JSON.stringify(others) : '';
}

/** Which layers a step takes: rules by name and operator, later ones win. */
export function RuleList({ rules, names, operators, onChange }: RuleListProps) {
  const set = (index: number, change: Rule): void =>
    onChange(rules.map((rule, i) => (i === index ? { ...rule, ...change } : rule)));
  return (
    <div class="rules">
      {rules.map((rule, index) => (
        <div class="rule" key={index}>
          <select
            aria-label="Take or skip"
            value={rule.skip ? 'skip' : 'take'}
            onChange={(e) => set(index, { skip: e.currentTarget.value === 'skip' })}
          >
            <option value="take">only</option>
            <option value="skip">skip</option>
          </select>
          <input
            type="text"
            aria-label="Layer name, * matches anything"
            placeholder="name, * matches anything"
            list={names}
            spellcheck={false}
            value={rule.name ?? ''}
            onInput={(e) => set(index, { name: e.currentTarget.value })}
          />
          <select
            aria-label="Operator"
            value={rule.op ?? ''}
            onChange={(e) => set(index, { op: e.currentTarget.value })}
          >
            <option value="">any</option>
            {operators.map((op) => (
              <option key={op}>{op}</option>
            ))}
          </select>
          <button
            type="button"
            class="icon"
            aria-label="Remove this rule"
            onClick={() => onChange(rules.filter((_, i) => i !== index))}
          >
            ×
          </button>
          {otherFields(rule) && <code class="rule-more cut">{otherFields(rule)}</code>}
        </div>
      ))}
      <button type="button" class="link" onClick={() => onChange([...rules, { name: '' }])}>
        {rules.length === 0 ? 'Choose layers' : 'Add a rule'}
      </button>
    </div>
  );
}
