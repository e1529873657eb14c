/** What outputs of two models are compared by. Outputs are lists of {name: Float32Array} by sample. */

/** 10 log10 of signal over noise by output name, both summed over all samples. */
export function sqnrDb(expected, actual) {
  const result = {};
  for (const name of Object.keys(expected[0])) {
    let [signal, noise] = [0, 0];
    expected.forEach((outputs, i) => {
      const [a, b] = [outputs[name], actual[i][name]];
      for (let k = 0; k < a.length; k++) {
        signal += a[k] * a[k];
        noise += (a[k] - b[k]) ** 2;
      }
    });
    result[name] = noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
  }
  return result;
}

/** The rows of one output, a row a sample, whatever the batch: [Float32Array of `width`]. */
export function rowsOf(outputs, name, width) {
  return outputs.flatMap(({ [name]: data }) =>
    Array.from({ length: data.length / width }, (_, i) =>
      data.subarray(i * width, (i + 1) * width),
    ),
  );
}

export const argmax = (row) => row.reduce((best, value, i) => (value > row[best] ? i : best), 0);

/** Share of equal elements with Wilson's 95 % interval. */
export function agreement(expected, actual) {
  const n = expected.length;
  const same = expected.filter((value, i) => value === actual[i]).length;
  const z = 1.959964;
  const share = same / n;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const halfWidth =
    (z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return { same, n, share, low: centre - halfWidth, high: Math.min(1, centre + halfWidth) };
}

function softmax(row) {
  const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const exps = Float64Array.from(row, (value) => Math.exp(value - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

/** Mean over rows of KL(expected || actual); rows hold logits, or probabilities already. */
export function meanKl(expected, actual, probabilities = false) {
  let total = 0;
  expected.forEach((row, i) => {
    const [p, q] = probabilities ? [row, actual[i]] : [softmax(row), softmax(actual[i])];
    for (let k = 0; k < p.length; k++)
      if (p[k] > 0) total += p[k] * Math.log(p[k] / Math.max(q[k], 1e-12));
  });
  return total / expected.length;
}

function overlap(a, b) {
  const width = Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]);
  const height = Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);
  const common = width * height;
  return common / (area(a) + area(b) - common);
}

/** Greedy non-maximum suppression within classes. */
export function suppress(detections, threshold) {
  const kept = [];
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    const hides = (other) =>
      other.label === candidate.label && overlap(other, candidate) > threshold;
    if (!kept.some(hides)) kept.push(candidate);
  }
  return kept;
}

/** How many of `expected` have a detection of their class in `actual` at IoU 0.5, one to one. */
export function matched(expected, actual) {
  const free = new Set(actual);
  let count = 0;
  for (const detection of expected) {
    let best;
    let most = 0.5;
    for (const candidate of free) {
      const iou = candidate.label === detection.label ? overlap(candidate, detection) : 0;
      if (iou >= most) [best, most] = [candidate, iou];
    }
    if (!best) continue;
    free.delete(best);
    count++;
  }
  return count;
}
