import { techniqueSchema } from './generated/techniques.js';

/** One option of a technique, as the core declares it. */
export interface TechniqueOption {
  name: string;
  type: 'number' | 'integer' | 'boolean' | 'text' | 'choice';
  unit?: string;
  min?: number | null;
  max?: number | null;
  default?: number | boolean | string | null;
  choices?: readonly string[];
  doc: string;
}
export interface Technique {
  name: string;
  summary: string;
  options: readonly TechniqueOption[];
}

/** Every technique with its options: what forms and help texts are made from. */
export function techniques(): readonly Technique[] {
  return techniqueSchema;
}
