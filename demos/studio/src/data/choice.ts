import type { ImageInput, Model, ValueInfo } from 'whittle-nn';

export type DataKind = 'digits' | 'images' | 'synthetic' | 'none';

/** How the right class of an image is known. */
export type Labels = 'none' | 'number';

/** Where samples come from, as the form holds it. */
export interface DataChoice {
  kind: DataKind;
  digits: { calibration: number; evaluation: number };
  images: { files: File[]; input: ImageInput; labels: Labels };
  synthetic: { count: number };
}

const isChannels = (dim: unknown): boolean => dim === 1 || dim === 3;
const FALLBACK_SIDE = 224;
const side = (dim: unknown): number => (typeof dim === 'number' && dim > 0 ? dim : FALLBACK_SIDE);

/** The preprocessing an input's shape suggests; undefined when it is no image. */
export function imageInputOf(info: ValueInfo): ImageInput | undefined {
  const { dims, name, type } = info;
  if (type !== 'float32' || dims?.length !== 4) return undefined;
  const nhwc = isChannels(dims[3]) && !isChannels(dims[1]);
  const channels = nhwc ? dims[3] : dims[1];
  const [height, width] = nhwc ? [dims[1], dims[2]] : [dims[2], dims[3]];
  return {
    name,
    preset: channels === 3 ? 'imagenet' : 'unit',
    size: [side(height), side(width)],
    crop: 'center',
    layout: nhwc ? 'NHWC' : 'NCHW',
    channels: channels === 1 ? 'GRAY' : 'RGB',
  };
}

/** What the form starts with for a model. */
export function initialChoice(model: Model, builtIn: boolean): DataChoice {
  const inputs = model.inputs.map(imageInputOf);
  const input = inputs[0] ?? { name: model.inputs[0]?.name ?? '', size: [224, 224] };
  return {
    kind: builtIn ? 'digits' : 'synthetic',
    digits: { calibration: 200, evaluation: 1000 },
    images: { files: [], input, labels: 'none' },
    synthetic: { count: 32 },
  };
}

/** Images fill one input; a model with more needs the command line or the library. */
export const takesImages = (model: Model): boolean =>
  model.inputs.length === 1 && imageInputOf(model.inputs[0] as ValueInfo) !== undefined;
