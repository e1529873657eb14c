/** The data of the targets, preprocessed by the library's own image pipeline. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import sharp from 'sharp';
import { images } from 'whittle-nn';
import { readNpz } from '../../../web/src/cli/data/npy.ts';
import { signsFor } from './signs.mjs';

export const assets = process.env.WHITTLE_ASSETS;
export const asset = (...parts) => join(assets, ...parts);

/** Samples that can be read again, and a name for caches. */
export const named = (id, read) => Object.assign(read, { id });

export const limit = (data, count) =>
  named(`${data.id}-${count}`, async function* () {
    let left = count;
    for await (const sample of data()) {
      if (left-- <= 0) return;
      yield sample;
    }
  });

/** Consecutive samples of one input as one: [n, ...]. */
export const inBatches = (data, size) =>
  named(`${data.id}-by${size}`, async function* () {
    let held = [];
    const flush = () => {
      const [name, first] = Object.entries(held[0].feeds)[0];
      const all = new first.data.constructor(first.data.length * held.length);
      held.forEach(({ feeds }, i) => all.set(feeds[name].data, i * first.data.length));
      const feeds = {
        [name]: { ...first, dims: [held.length, ...first.dims.slice(1)], data: all },
      };
      held = [];
      return { feeds };
    };
    for await (const sample of data()) {
      held.push(sample);
      if (held.length === size) yield flush();
    }
    if (held.length > 0) yield flush();
  });

const CIFAR_INPUT = { name: 'input', size: [32, 32], crop: 'stretch' };

/** CIFAR-10 images by file ("cifar10-test-2000"), with their labels. */
export function cifar(file, preset = 'imagenet') {
  const arrays = readNpz(readFileSync(asset('datasets', `${file}.npz`)), file);
  const pixels = arrays.images.data;
  const [count] = arrays.images.dims;
  const list = Array.from({ length: count }, (_, i) => {
    const data = new Uint8ClampedArray(32 * 32 * 4).fill(255);
    for (let p = 0; p < 32 * 32; p++)
      for (let c = 0; c < 3; c++) data[p * 4 + c] = pixels[(i * 32 * 32 + p) * 3 + c];
    return { width: 32, height: 32, data };
  });
  const data = images(list, { ...CIFAR_INPUT, preset });
  const id = preset === 'imagenet' ? file : `${file}-${preset}`;
  return { data: named(id, data), labels: Array.from(arrays.labels.data) };
}

/** The sample photographs, in the order of their names: [name, JPEG bytes]. */
function photographs() {
  const files = unzipSync(readFileSync(asset('datasets', 'imagenet-samples-200.zip')));
  return Object.entries(files)
    .filter(([name]) => /\.jpe?g$/i.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Every second photograph calibrates, the others test. */
const half = (which) => photographs().filter((_, i) => (i % 2 === 0) === (which === 'calibration'));

/** Pixels of an image file, with a picture (SVG) on top if given. */
async function decode(bytes, onTop) {
  const { data, info } = await sharp(bytes)
    .composite(onTop ? [{ input: onTop }] : [])
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: Uint8Array.from(data) };
}

/** A part of an image, mirrored if asked; a pixel is one 32-bit word. */
function cut(image, [left, top, width, height], flip) {
  const words = ({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length / 4);
  const data = new Uint8ClampedArray(width * height * 4);
  const [from, to] = [words(image.data), words(data)];
  for (let y = 0; y < height; y++) {
    const start = (top + y) * image.width + left;
    const line = to.subarray(y * width, (y + 1) * width);
    line.set(from.subarray(start, start + width));
    if (flip) line.reverse();
  }
  return { width, height, data };
}

/** Corners and centre, of `width` x `height` pixels. */
function fiveBoxes(image, width, height) {
  const [right, bottom] = [image.width - width, image.height - height];
  return [
    [0, 0],
    [right, 0],
    [0, bottom],
    [right, bottom],
    [right >> 1, bottom >> 1],
  ].map(([x, y]) => [x, y, width, height]);
}

const WHOLE = (image) => [[[0, 0, image.width, image.height], false]];
const TEN_CROPS = (image) =>
  [false, true].flatMap((flip) => fiveBoxes(image, 224, 224).map((box) => [box, flip]));
/** The whole image, its mirror image and five tiles of 60 % of each side. */
const TILES = (image) => [
  ...WHOLE(image),
  [[0, 0, image.width, image.height], true],
  ...fiveBoxes(image, Math.round(image.width * 0.6), Math.round(image.height * 0.6)).map((box) => [
    box,
    false,
  ]),
];

const VIEWS = { whole: WHOLE, 'ten-crops': TEN_CROPS, tiles: TILES };

/** Views of one half, each as the model wants its input; `draw` makes what is on top of a photograph. */
function viewed(kind, which, views, input, draw) {
  const id = [which, views, ...input.size, input.channels, input.preset, input.mean].join('-');
  return named(`${kind}-${id}`, async function* () {
    for (const [number, [, bytes]] of half(which).entries()) {
      const image = await decode(bytes, draw && (await draw(bytes, number)));
      const parts = VIEWS[views](image).map(([box, flip]) => cut(image, box, flip));
      yield* images(parts, { crop: 'stretch', ...input })();
    }
  });
}

/**
 * Photographs of one half, each in the given views ("whole", "ten-crops", "tiles"), as the model
 * wants its input.
 */
export const photos = (which, views, input) => viewed('photos', which, views, input);

/** The same with four lines of text on each, another text on the calibration half. */
export const signs = (which, views, input) =>
  viewed('signs', which, views, input, async (bytes, number) => {
    const { width, height } = await sharp(bytes).metadata();
    return signsFor(width, height, 2 * number + (which === 'test' ? 1 : 0));
  });

/** Photographs of the calibration half, cut in the middle as classifiers are fed. */
export function centreCrops(input) {
  return named(`centre-${input.name}-${input.preset}`, async function* () {
    for (const [, bytes] of half('calibration'))
      yield* images([await decode(bytes)], { crop: 'center', ...input })();
  });
}

/** The minute of speech: samples from -1 to 1 at 16 kHz. */
export function speech() {
  const bytes = readFileSync(asset('datasets', 'speech-60s-16k.wav'));
  const start = bytes.indexOf('data') + 8;
  const pcm = new Int16Array(
    bytes.buffer.slice(
      bytes.byteOffset + start,
      bytes.byteOffset + bytes.length - ((bytes.length - start) % 2),
    ),
  );
  return Float32Array.from(pcm, (value) => value / 32768);
}
