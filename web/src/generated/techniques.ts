import type { Technique } from '../techniques.js';
export const techniqueSchema: readonly Technique[] = [];
