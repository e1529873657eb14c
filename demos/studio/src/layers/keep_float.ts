import type { Report } from 'whittle-nn';
import { findTechnique, type DraftStep, type Rule } from '../recipe/steps.js';

const isKept = (rule: Rule, name: string): boolean => rule.name === name && rule.skip === true;

/** Whether a rule of the recipe keeps this layer out of a step that stores weights in fewer bits. */
export const isFloat = (drafts: readonly DraftStep[], name: string): boolean =>
  drafts.some(
    ({ technique, rules }) =>
      findTechnique(technique)?.narrows && rules.some((rule) => isKept(rule, name)),
  );

/** Numbers of the steps that stored this layer in fewer bits in the run behind `report`. */
export function narrowedBy({ steps }: Report, name: string): number[] {
  return steps.flatMap((step, index) => {
    const touched = step.details?.some((layer) => layer.name === name);
    return step.kept && touched && findTechnique(step.technique)?.narrows ? [index] : [];
  });
}

/** The steps with one more rule: the layer stays float where the last run did not leave it so. */
export function keepFloat(drafts: readonly DraftStep[], report: Report, name: string): DraftStep[] {
  const steps = narrowedBy(report, name);
  return drafts.map((draft, index) =>
    steps.includes(index) && draft.technique === report.steps[index]?.technique
      ? { ...draft, rules: [...draft.rules, { name, skip: true }] }
      : draft,
  );
}

/** The steps without the rules that keep the layer float. */
export const compressAgain = (drafts: readonly DraftStep[], name: string): DraftStep[] =>
  drafts.map((draft) =>
    findTechnique(draft.technique)?.narrows
      ? { ...draft, rules: draft.rules.filter((rule) => !isKept(rule, name)) }
      : draft,
  );
