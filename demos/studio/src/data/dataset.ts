import { images, synthetic, type Dataset, type Model } from 'whittle-nn';
import { digits } from 'whittle-digits';
import type { DataChoice } from './choice.js';

/** Data as compress() takes it: one set to be split, or two apart. */
export interface Data {
  data?: Dataset;
  calibration?: Dataset;
  evaluation?: Dataset;
}

/** Made-up samples of evaluation must not be those of calibration. */
const CALIBRATION_SEED = 1;
const EVALUATION_SEED = 1_000_003;

/** "207_golden_retriever.jpg" is of class 207. */
function numberOf(id: string): number | undefined {
  const digitsOf = /^\d+/.exec(id)?.[0];
  return digitsOf === undefined ? undefined : Number(digitsOf);
}

/** The samples that the form describes; empty when there are none. */
export function makeData(model: Model, choice: DataChoice): Data {
  switch (choice.kind) {
    case 'digits': {
      const { calibration, evaluation } = choice.digits;
      return {
        calibration: digits('calibration', calibration),
        evaluation: digits('test', evaluation),
      };
    }
    case 'images': {
      const { files, input, labels } = choice.images;
      if (files.length === 0) return {};
      return { data: images(files, input, labels === 'number' ? numberOf : undefined) };
    }
    case 'synthetic': {
      const { count } = choice.synthetic;
      return {
        calibration: synthetic(model, { count, seed: CALIBRATION_SEED }),
        evaluation: synthetic(model, { count, seed: EVALUATION_SEED }),
      };
    }
    case 'none':
      return {};
  }
}

export const hasData = ({ kind, images: { files } }: DataChoice): boolean =>
  kind !== 'none' && (kind !== 'images' || files.length > 0);
