/** Rows: what equalization brings back of per-tensor weights on depthwise networks. */

import { fidelity } from './classifiers.mjs';
import { centreCrops, photos } from './data.mjs';
import { percent, row, small } from './format.mjs';
import { apply, modelBytes, outputsOf } from './models.mjs';
import { EQUALIZED_PER_TENSOR, PLAIN_PER_TENSOR } from './recipes.mjs';

const NETWORKS = [
  { name: 'mobilenetv2', input: 'input', preset: 'imagenet', output: 'output', classes: 1000 },
  {
    name: 'mobilenet_v1_0.25_224',
    input: 'input',
    preset: 'minus1to1',
    output: 'MobilenetV1_Predictions_Reshape_1_out',
    classes: 1001,
    probabilities: true,
  },
];

export async function* perTensorRows() {
  for (const { name, input, preset, output, classes, probabilities } of NETWORKS) {
    const settings = { name: input, preset, size: [224, 224] };
    const calibration = centreCrops(settings);
    const test = photos('test', 'whole', { ...settings, crop: 'center' });
    const bytes = modelBytes(name);
    const expected = await outputsOf(bytes, test);
    const klOf = async (steps) => {
      const made = await apply(bytes, steps, calibration);
      return (await fidelity(expected, made.bytes, test, output, classes, probabilities)).kl;
    };
    const before = await klOf(PLAIN_PER_TENSOR);
    const after = await klOf(EQUALIZED_PER_TENSOR);
    const recovered = 1 - after / before;
    yield row(
      `${name}: loss of per-tensor min-max recovered by equalization`,
      `${percent(recovered)} (mean KL ${small(before)} to ${small(after)})`,
      'at least 80 %',
      recovered >= 0.8,
    );
  }
}
