/** Rows: SQNR of every output of the detectors, and the detections that stay. */

import { nanodet, textRegions, ultraface, yunet } from './decoders.mjs';
import { photos, signs } from './data.mjs';
import { decibel, percent, row } from './format.mjs';
import { matched, sqnrDb } from './metrics.mjs';
import { apply, floatPart, modelBytes, outputsOf } from './models.mjs';
import { quantizedByPeer } from './peer.mjs';
import { STATIC } from './recipes.mjs';

/** Thresholds are low where the photographs show few faces or texts: at least 200 are compared. */
export const DETECTORS = [
  {
    name: 'ultraface_rfb_320',
    decode: ultraface,
    threshold: 0.5,
    views: 'tiles',
    input: { name: 'input', size: [240, 320], scale: 1, mean: 127, std: 128 },
  },
  {
    name: 'nanodet_m',
    decode: nanodet,
    threshold: 0.3,
    views: 'whole',
    input: {
      name: 'input.1',
      size: [416, 416],
      channels: 'BGR',
      scale: 1,
      mean: [103.53, 116.28, 123.675],
      std: [57.375, 57.12, 58.395],
    },
  },
  {
    name: 'yunet_n_dynamic',
    decode: yunet,
    threshold: 0.3,
    views: 'tiles',
    input: { name: 'input', size: [320, 320], channels: 'BGR', preset: 'raw255' },
  },
  {
    name: 'ppocrv3_text_det_en',
    decode: textRegions,
    threshold: 0.4,
    views: 'tiles',
    input: { name: 'x', size: [320, 320], mean: [0.485, 0.456, 0.406], std: 1 },
  },
  {
    name: 'ppocrv3_text_det_en',
    title: 'ppocrv3_text_det_en, text drawn on the photographs',
    read: signs,
    decode: textRegions,
    threshold: 0.4,
    views: 'tiles',
    input: { name: 'x', size: [320, 320], mean: [0.485, 0.456, 0.406], std: 1 },
  },
];

/**
 * How far quantized bytes are from the float outputs: the worst output, and of the float model's
 * detections above the threshold how many are kept. One is kept when there is a detection of its
 * class at IoU 0.5 with at least half the threshold as score (`kept`): a score that moves across the
 * threshold is no box lost. `strict` counts those at the same threshold.
 */
export async function compared({ decode, threshold }, expected, bytes, test) {
  const actual = await outputsOf(bytes, test);
  const [worst, sqnr] = Object.entries(sqnrDb(expected, actual)).reduce((a, b) =>
    a[1] <= b[1] ? a : b,
  );
  let [kept, strict, count] = [0, 0, 0];
  expected.forEach((outputs, i) => {
    const wanted = decode(outputs, threshold);
    count += wanted.length;
    kept += matched(wanted, decode(actual[i], threshold / 2));
    strict += matched(wanted, decode(actual[i], threshold));
  });
  return { worst, sqnr, kept, strict, count };
}

const shares = ({ kept, strict, count }) =>
  `${percent(kept / count)} (${kept} of ${count}; ${strict} still above the threshold)`;

export async function* detectorRows(words = []) {
  for (const detector of DETECTORS) {
    const { name, title = name, read = photos, input, views, threshold } = detector;
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    const calibration = read('calibration', 'whole', input);
    const test = read('test', views, input);
    const bytes = modelBytes(name);
    const expected = await outputsOf(bytes, test);
    const made = await apply(bytes, STATIC, calibration);
    const ours = await compared(detector, expected, made.bytes, test);
    const file = await quantizedByPeer(bytes, calibration);
    const peer = file.missing ? null : await compared(detector, expected, file, test);
    yield row(
      `${title}: least SQNR of an output (${ours.worst})`,
      decibel(ours.sqnr) + floatPart(made.report),
      'at least 20 dB',
      ours.sqnr >= 20,
      peer ? decibel(peer.sqnr) : file.missing,
    );
    yield row(
      `${title}: detections above ${threshold} matched at IoU 0.5`,
      shares(ours),
      'at least 98 % of at least 200',
      ours.count >= 200 && ours.kept / ours.count >= 0.98,
      peer ? shares(peer) : file.missing,
    );
  }
}
