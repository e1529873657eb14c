import { checkKeys, expected } from '../is.js';
import type { Tensor } from '../types.js';

export type ImagePreset = 'imagenet' | 'unit' | 'minus1to1' | 'raw255';

/** How an image becomes a tensor: value = (pixel * scale - mean) / std, per channel. */
export interface ImageInput {
  /** Values for scale, mean and std: 'imagenet', 'unit' (0..1), 'minus1to1', 'raw255'. Default unit. */
  preset?: ImagePreset;
  /** Name of the model's input. */
  name: string;
  /** Height and width in pixels. */
  size: readonly [number, number];
  /** 'center' scales the short side to size / 0.875 and cuts the middle out, 'cover' scales it to size, 'stretch'
   * ignores the proportions. Default 'center'. */
  crop?: 'center' | 'cover' | 'stretch';
  /** Default NCHW. */
  layout?: 'NCHW' | 'NHWC';
  /** Default RGB; GRAY is 0.299 R + 0.587 G + 0.114 B. */
  channels?: 'RGB' | 'BGR' | 'GRAY';
  /** Multiplies the 0..255 pixel. */
  scale?: number;
  mean?: number | readonly number[];
  std?: number | readonly number[];
}

export type Preprocessing = Required<Omit<ImageInput, 'preset'>>;

const PRESETS: Readonly<Record<ImagePreset, Pick<Preprocessing, 'scale' | 'mean' | 'std'>>> = {
  imagenet: { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  unit: { scale: 1 / 255, mean: 0, std: 1 },
  minus1to1: { scale: 1 / 127.5, mean: 1, std: 1 },
  raw255: { scale: 1, mean: 0, std: 1 },
};

/** ImageNet's evaluation crop: 224 of 256. */
const CENTER_SHARE = 0.875;

/** Fills in the defaults. Throws INVALID_OPTION. */
export function resolvePreprocessing(input: ImageInput): Preprocessing {
  checkKeys(
    input,
    ['preset', 'name', 'size', 'crop', 'layout', 'channels', 'scale', 'mean', 'std'],
    'input.image',
  );
  const preset = input.preset ?? 'unit';
  if (!(preset in PRESETS))
    throw expected(`one of ${Object.keys(PRESETS).join(', ')}`, 'input.image.preset', preset);
  const [height, width] = input.size;
  for (const side of [height, width]) {
    if (!Number.isInteger(side) || side < 1)
      throw expected('whole pixels [height, width]', 'input.image.size', input.size);
  }
  const merged = {
    crop: 'center',
    layout: 'NCHW',
    channels: 'RGB',
    ...PRESETS[preset],
    ...input,
  } as Preprocessing & {
    preset?: ImagePreset;
  };
  delete merged.preset;
  return merged;
}

/** Decoded pixels: RGBA, row by row. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array | Uint8ClampedArray;
}

/** The part of a w x h image that, scaled to the wanted size, is the input: [x, y, width, height]. */
export function cropBox(
  w: number,
  h: number,
  { size, crop }: Pick<Preprocessing, 'size' | 'crop'>,
): [number, number, number, number] {
  if (crop === 'stretch') return [0, 0, w, h];
  const [height, width] = size;
  const share = crop === 'center' ? CENTER_SHARE : 1;
  const scale = Math.min(w / width, h / height) * share;
  const [boxWidth, boxHeight] = [width * scale, height * scale];
  return [(w - boxWidth) / 2, (h - boxHeight) / 2, boxWidth, boxHeight];
}

const at = (value: number | readonly number[], channel: number): number =>
  typeof value === 'number' ? value : (value[channel] ?? value[0] ?? 0);

/** Pixels of exactly the wanted size as a batch of one. */
export function toTensor(pixels: Pixels, settings: Preprocessing): Tensor {
  const { layout, channels, scale, mean, std } = settings;
  const [height, width] = settings.size;
  const count = height * width;
  const planes = channels === 'GRAY' ? 1 : 3;
  const data = new Float32Array(count * planes);
  const put = (pixel: number, channel: number, value: number): void => {
    const index = layout === 'NCHW' ? channel * count + pixel : pixel * planes + channel;
    data[index] = (value * scale - at(mean, channel)) / at(std, channel);
  };
  for (let i = 0; i < count; i++) {
    const [r = 0, g = 0, b = 0] = pixels.data.subarray(i * 4, i * 4 + 3);
    if (channels === 'GRAY') put(i, 0, 0.299 * r + 0.587 * g + 0.114 * b);
    else {
      const ordered = channels === 'RGB' ? [r, g, b] : [b, g, r];
      for (let c = 0; c < 3; c++) put(i, c, ordered[c] ?? 0);
    }
  }
  const dims = layout === 'NCHW' ? [1, planes, height, width] : [1, height, width, planes];
  return { type: 'float32', dims, data };
}
