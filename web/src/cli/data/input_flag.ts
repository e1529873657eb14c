import { WhittleError } from '../../errors.js';
import {
  resolvePreprocessing,
  type ImageInput,
  type ImagePreset,
  type Preprocessing,
} from '../../dataset/preprocess.js';
import type { ValueInfo } from '../../types.js';
import type { Flag, Values } from '../command.js';

/** The flags that say how files become inputs. */
export const INPUT_FLAGS: Readonly<Record<string, Flag>> = {
  data: { value: 'PATH', doc: 'samples: a folder of images, an image, .npz, .npy, or raw float32' },
  input: {
    value: 'PRESET:SIZE',
    doc: 'image preprocessing: imagenet, unit, minus1to1 or raw255, with a side or HxW (imagenet:224)',
  },
  mean: { value: 'A,B,C', doc: 'subtracted from the scaled pixel, one value or one a channel' },
  std: { value: 'A,B,C', doc: 'divides it afterwards' },
  scale: { value: 'S', doc: 'multiplies the 0..255 pixel first' },
  layout: { value: 'L', doc: 'NCHW or NHWC (default: as the model states)' },
  channels: { value: 'C', doc: 'RGB, BGR or GRAY' },
  crop: { value: 'C', doc: 'center, cover or stretch (default center)' },
  labels: {
    value: 'FILE',
    doc: 'JSON object from file name to class (default: leading number of the file name)',
  },
  limit: { value: 'N', doc: 'use at most so many samples' },
};

function list(text: string | undefined, flag: string): number[] | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(',').map(Number);
  if (numbers.some(Number.isNaN)) {
    throw new WhittleError(
      'INVALID_OPTION',
      `Expected numbers for --${flag} but received '${text}'`,
      { where: `--${flag}` },
    );
  }
  return numbers;
}

function sizeOf(text: string | undefined, info: ValueInfo, layout: string): [number, number] {
  if (text) {
    const [height, width = height] = text.split('x').map(Number);
    if (height && width) return [height, width];
    throw new WhittleError(
      'INVALID_OPTION',
      `Expected a side or HxW behind --input but received '${text}'`,
      { where: '--input' },
    );
  }
  const [h, w] =
    layout === 'NCHW' ? [info.dims?.[2], info.dims?.[3]] : [info.dims?.[1], info.dims?.[2]];
  if (typeof h === 'number' && typeof w === 'number') return [h, w];
  throw new WhittleError(
    'INVALID_OPTION',
    `Expected a size for images, since the model leaves it open, but received none`,
    {
      where: '--input',
      hint: 'Give it with --input, for example --input imagenet:224',
    },
  );
}

const isImageInput = (info: ValueInfo): boolean => info.dims?.length === 4;

/** Preprocessing from the flags, the recipe's `input` and what the model states, in that order. */
export function imageSettings(
  inputs: readonly ValueInfo[],
  values: Values,
  fromRecipe: Partial<ImageInput> = {},
): Preprocessing {
  const info = inputs.find(isImageInput);
  if (!info || inputs.length !== 1) {
    throw new WhittleError(
      'INVALID_OPTION',
      'Expected a model with one image input for image data but it has other inputs',
      {
        where: '--data',
        hint: 'Give complete feeds as a .npz file with one array an input',
      },
    );
  }
  const [preset, size] = (values.text('input') ?? '').split(':');
  const guessed =
    [1, 3].includes(info.dims?.[3] as number) && ![1, 3].includes(info.dims?.[1] as number)
      ? 'NHWC'
      : 'NCHW';
  const layout = (values.text('layout') ?? fromRecipe.layout ?? guessed) as 'NCHW' | 'NHWC';
  const planes = layout === 'NCHW' ? info.dims?.[1] : info.dims?.[3];
  const flags = {
    preset: (preset || undefined) as ImagePreset | undefined,
    mean: list(values.text('mean'), 'mean'),
    std: list(values.text('std'), 'std'),
    scale: values.number('scale'),
    channels: values.text('channels') as ImageInput['channels'],
    crop: values.text('crop') as ImageInput['crop'],
  };
  const given = Object.fromEntries(
    Object.entries(flags).filter(([, value]) => value !== undefined),
  );
  return resolvePreprocessing({
    ...(planes === 1 ? { channels: 'GRAY' as const } : {}),
    ...fromRecipe,
    ...given,
    name: info.name,
    layout,
    size: size ? sizeOf(size, info, layout) : (fromRecipe.size ?? sizeOf(undefined, info, layout)),
  });
}
