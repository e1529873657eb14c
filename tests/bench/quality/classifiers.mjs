/** Rows: top-1 lost on CIFAR-10, agreement, SQNR and KL on photographs. */

import { centreCrops, cifar, inBatches, photos } from './data.mjs';
import { decibel, interval, points, row, small } from './format.mjs';
import { agreement, argmax, meanKl, rowsOf, sqnrDb } from './metrics.mjs';
import { apply, floatPart, modelBytes, outputsOf } from './models.mjs';
import { quantizedByPeer } from './peer.mjs';
import { PLAIN, STATIC } from './recipes.mjs';

/** Share of right answers in percent of a CIFAR network. */
export async function accuracy(bytes, { data, labels }, output = 'logits') {
  const logits = rowsOf(await outputsOf(bytes, inBatches(data, 50)), output, 10);
  return (100 * logits.filter((row, i) => argmax(row) === labels[i]).length) / labels.length;
}

export async function* cifarRows() {
  const [calibration, test] = [cifar('cifar10-train-1000'), cifar('cifar10-test-2000')];
  for (const name of ['resnet20_cifar10', 'resnet56_cifar10']) {
    const bytes = modelBytes(name);
    const before = await accuracy(bytes, test);
    const made = await apply(bytes, STATIC, calibration.data);
    const lost = before - (await accuracy(made.bytes, test));
    const peer = await quantizedByPeer(bytes, calibration.data);
    yield row(
      `${name}: top-1 lost of ${before.toFixed(2)} %, static int8`,
      points(lost) + floatPart(made.report),
      'at most 0.5 points',
      lost <= 0.5,
      peer.missing ?? points(before - (await accuracy(peer, test))),
    );
  }
}

const CLASSIFIERS = [
  { name: 'mobilenetv2', input: 'input', output: 'output', least: 0.95 },
  { name: 'squeezenet1.1', input: 'data', output: 'logits', least: 0.96 },
];

/** Agreement, SQNR and mean KL of quantized bytes against the float outputs. */
export async function fidelity(expected, bytes, data, output, classes, probabilities = false) {
  const actual = await outputsOf(bytes, data);
  const [a, b] = [expected, actual].map((outputs) => rowsOf(outputs, output, classes));
  return {
    agreement: agreement(a.map(argmax), b.map(argmax)),
    sqnr: sqnrDb(expected, actual)[output],
    kl: meanKl(a, b, probabilities),
  };
}

export async function* photoRows() {
  for (const { name, input, output, least } of CLASSIFIERS) {
    const settings = { name: input, preset: 'imagenet', size: [224, 224] };
    const calibration = centreCrops(settings);
    const test = photos('test', 'ten-crops', settings);
    const bytes = modelBytes(name);
    const expected = await outputsOf(bytes, test);
    const measure = (candidate) => fidelity(expected, candidate, test, output, 1000);
    const made = await apply(bytes, STATIC, calibration);
    const ours = await measure(made.bytes);
    const plain = await measure((await apply(bytes, PLAIN, calibration)).bytes);
    const file = await quantizedByPeer(bytes, calibration);
    const peer = file.missing ? null : await measure(file);
    const shown = (show) => (peer ? show(peer) : file.missing);
    yield row(
      `${name}: same top-1 as float`,
      interval(ours.agreement),
      `at least ${100 * least} %`,
      ours.agreement.share >= least,
      shown(({ agreement: found }) => interval(found)),
    );
    yield row(
      `${name}: SQNR of the logits`,
      decibel(ours.sqnr) + floatPart(made.report),
      'at least 20 dB',
      ours.sqnr >= 20,
      shown(({ sqnr }) => decibel(sqnr)),
    );
    yield row(
      `${name}: mean KL to float`,
      small(ours.kl),
      `at most ${small(plain.kl * 0.8)} (80 % of plain min-max's ${small(plain.kl)}), and the peer's`,
      ours.kl <= plain.kl * 0.8 && (!peer || ours.kl <= peer.kl),
      shown(({ kl }) => small(kl)),
    );
  }
}
