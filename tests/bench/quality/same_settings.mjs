/** Rows: this quantizer and onnxruntime's with the same settings on the same data. */

import { fidelity } from './classifiers.mjs';
import { centreCrops, cifar, limit, photos } from './data.mjs';
import { DETECTORS, compared } from './detectors.mjs';
import { decibel, row, small } from './format.mjs';
import { apply, modelBytes, outputsOf } from './models.mjs';
import { quantizedByPeer } from './peer.mjs';

const METHODS = ['minmax', 'entropy', 'percentile'];
/** Its histograms of more samples take minutes. */
const CIFAR_CALIBRATION = 200;
const CIFAR_TEST = 1000;

/** A classifier with its data: `measure` gives its mean KL to float, small being good. */
async function classifier(name, calibration, test, output, classes) {
  const bytes = modelBytes(name);
  const expected = await outputsOf(bytes, test);
  return {
    name,
    bytes,
    calibration,
    what: 'mean KL to float',
    measure: async (candidate) => (await fidelity(expected, candidate, test, output, classes)).kl,
    show: small,
    better: (ours, peer) => ours <= peer,
  };
}

function photographs(name, input, output) {
  const settings = { name: input, preset: 'imagenet', size: [224, 224] };
  const test = photos('test', 'whole', { ...settings, crop: 'center' });
  return classifier(name, centreCrops(settings), test, output, 1000);
}

async function detector(name) {
  const found = DETECTORS.find((known) => known.name === name);
  const test = photos('test', 'whole', found.input);
  const bytes = modelBytes(name);
  const expected = await outputsOf(bytes, test);
  return {
    name,
    bytes,
    calibration: photos('calibration', 'whole', found.input),
    what: 'least SQNR of an output',
    measure: async (candidate) => (await compared(found, expected, candidate, test)).sqnr,
    show: decibel,
    better: (ours, peer) => ours >= peer,
  };
}

const SUBJECTS = [
  () =>
    classifier(
      'resnet20_cifar10',
      limit(cifar('cifar10-train-1000').data, CIFAR_CALIBRATION),
      limit(cifar('cifar10-test-2000').data, CIFAR_TEST),
      'logits',
      10,
    ),
  () => photographs('mobilenetv2', 'input', 'output'),
  () => photographs('squeezenet1.1', 'data', 'logits'),
  () => detector('nanodet_m'),
];

export async function* sameSettingsRows() {
  for (const subject of SUBJECTS) {
    const { name, bytes, calibration, what, measure, show, better } = await subject();
    for (const method of METHODS) {
      const steps = [{ technique: 'quantize-static', calibrator: method, samples: 0 }];
      const ours = await measure((await apply(bytes, steps, calibration)).bytes);
      const file = await quantizedByPeer(bytes, calibration, method);
      const peer = file.missing ? null : await measure(file);
      yield row(
        `${name}, ${method}: ${what}`,
        show(ours),
        'no worse than onnxruntime',
        peer === null ? null : better(ours, peer),
        peer === null ? file.missing : show(peer),
      );
    }
  }
}
