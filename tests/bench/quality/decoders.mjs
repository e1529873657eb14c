/** From a detector's outputs to boxes: {label, score, box: [x0, y0, x1, y1]} above a threshold. */

import { suppress } from './metrics.mjs';

const NMS_IOU = 0.45;

/** Ultra-Light-Fast face detector: scores [4420, 2], boxes [4420, 4] as shares of the image. */
export function ultraface({ scores, boxes }, threshold) {
  const found = [];
  for (let i = 0; i < scores.length / 2; i++) {
    const score = scores[i * 2 + 1];
    if (score >= threshold)
      found.push({ label: 0, score, box: [...boxes.subarray(i * 4, i * 4 + 4)] });
  }
  return suppress(found, NMS_IOU);
}

/** YuNet at 320 x 320: for strides 8, 16 and 32 class and object scores, centre offset and log size. */
export function yunet(outputs, threshold) {
  const found = [];
  for (const stride of [8, 16, 32]) {
    const [cls, obj, boxes] = ['cls', 'obj', 'bbox'].map((name) => outputs[`${name}_${stride}`]);
    const columns = 320 / stride;
    for (let i = 0; i < cls.length; i++) {
      const score = Math.sqrt(Math.max(0, cls[i] * obj[i]));
      if (score < threshold) continue;
      const [dx, dy, w, h] = boxes.subarray(i * 4, i * 4 + 4);
      const [x, y] = [((i % columns) + dx) * stride, (Math.floor(i / columns) + dy) * stride];
      const [halfWidth, halfHeight] = [(Math.exp(w) * stride) / 2, (Math.exp(h) * stride) / 2];
      found.push({
        label: 0,
        score,
        box: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
      });
    }
  }
  return suppress(found, NMS_IOU);
}

const NANODET_HEADS = [
  [8, '792', '795'],
  [16, '814', '817'],
  [32, '836', '839'],
];
const BINS = 8;

/** The mean of a distribution over 0..7 given as logits. */
function expectation(logits) {
  const top = Math.max(...logits);
  let [sum, mean] = [0, 0];
  logits.forEach((value, bin) => {
    const weight = Math.exp(value - top);
    sum += weight;
    mean += weight * bin;
  });
  return mean / sum;
}

/** NanoDet-m at 416 x 416: 80 class scores and four distributions of distances for each place. */
export function nanodet(outputs, threshold) {
  const found = [];
  for (const [stride, scoresName, distancesName] of NANODET_HEADS) {
    const [scores, distances] = [outputs[scoresName], outputs[distancesName]];
    const columns = 416 / stride;
    for (let i = 0; i < scores.length / 80; i++) {
      const row = scores.subarray(i * 80, (i + 1) * 80);
      const label = row.reduce((best, value, k) => (value > row[best] ? k : best), 0);
      if (row[label] < threshold) continue;
      const [x, y] = [((i % columns) + 0.5) * stride, (Math.floor(i / columns) + 0.5) * stride];
      const [left, top, right, bottom] = [0, 1, 2, 3].map(
        (side) =>
          stride *
          expectation(distances.subarray((i * 4 + side) * BINS, (i * 4 + side + 1) * BINS)),
      );
      found.push({ label, score: row[label], box: [x - left, y - top, x + right, y + bottom] });
    }
  }
  return suppress(found, NMS_IOU);
}

const LEAST_TEXT_PIXELS = 12;
const TEXT_PIXEL = 0.3;

/**
 * Differentiable binarization's text map: connected pixels above 0.3 (4 neighbours), their bounding
 * box, and as score the mean probability inside.
 */
export function textRegions({ 4: map }, threshold) {
  const side = Math.sqrt(map.length);
  const seen = new Uint8Array(map.length);
  const found = [];
  for (let start = 0; start < map.length; start++) {
    if (seen[start] || map[start] < TEXT_PIXEL) continue;
    seen[start] = 1;
    const stack = [start];
    const box = [Infinity, Infinity, 0, 0];
    let [sum, count] = [0, 0];
    while (stack.length > 0) {
      const at = stack.pop();
      const [x, y] = [at % side, Math.floor(at / side)];
      sum += map[at];
      count++;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
      for (const [next, inside] of [
        [at - 1, x > 0],
        [at + 1, x + 1 < side],
        [at - side, y > 0],
        [at + side, y + 1 < side],
      ]) {
        if (!inside || seen[next] || map[next] < TEXT_PIXEL) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    if (count >= LEAST_TEXT_PIXELS && sum / count >= threshold)
      found.push({ label: 0, score: sum / count, box });
  }
  return found;
}
