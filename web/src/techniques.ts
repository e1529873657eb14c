import { techniqueSchema } from './generated/techniques.js';

/** One option of a technique, as the core declares it. */
export interface TechniqueOption {
  name: string;
  /** 'list': some of the choices; 'ranges': activation ranges by value name, 'numbers': a list,
   * 'texts': texts by name, these three as reports write them. */
  type:
    'number' | 'integer' | 'boolean' | 'text' | 'choice' | 'list' | 'ranges' | 'numbers' | 'texts';
  /** Layer rules may override it. */
  perLayer?: boolean;
  /** For the few who need it: forms show it on request. */
  advanced?: boolean;
  unit?: string;
  min?: number | null;
  max?: number | null;
  default?: number | boolean | string | readonly string[] | null;
  /** Of a choice or list; of an integer, its only values. */
  choices?: readonly string[];
  doc: string;
}
export interface Technique {
  name: string;
  summary: string;
  /** Stores weights in fewer bits; a layer rule with `skip` keeps a layer as it is. */
  narrows: boolean;
  /** Reads calibration samples (under its default options), or their labels. */
  needsData: boolean;
  needsLabels: boolean;
  /** Techniques that must not come before it in a recipe. */
  notAfter: readonly string[];
  /** Operators it works on, and those it takes on request. */
  ops: readonly string[];
  optionalOps: readonly string[];
  options: readonly TechniqueOption[];
}

/** Every technique with its options: what forms and help texts are made from. */
export function techniques(): readonly Technique[] {
  return techniqueSchema;
}
