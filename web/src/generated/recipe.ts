import type { Gate } from '../compare.js';
import type { ImageInput } from '../dataset/preprocess.js';
export interface Recipe {
  whittle: 1;
  seed?: number;
  target?: 'whittle' | 'ort-web' | 'ort-node';
  input?: { image: Partial<ImageInput> };
  gate?: Gate;
  steps: readonly ({ technique: string } & Record<string, unknown>)[];
}
