import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

import { arrays } from '../../dataset/arrays.js';
import { images } from '../../dataset/images.js';
import type { ImageInput } from '../../dataset/preprocess.js';
import { readDataset } from '../../dataset/dataset.js';
import { WhittleError } from '../../errors.js';
import type { Dataset, Tensor, ValueInfo } from '../../types.js';
import type { Values } from '../command.js';
import { imageSettings } from './input_flag.js';
import { readNpy, readNpz } from './npy.js';

const IMAGES = new Set(['.png', '.jpg', '.jpeg', '.webp', '.gif', '.avif', '.tiff', '.bmp']);
const LABEL_ARRAYS = ['labels', 'label', 'y'];

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Label of a file: from the given table, else a number its name starts with ("12_cat.jpg" is 12). */
async function labelReader(values: Values): Promise<(id: string) => number | undefined> {
  const file = values.text('labels');
  if (file === undefined) {
    return (id) => {
      const number = /^(\d+)[_\-. ]/.exec(basename(id))?.[1];
      return number === undefined ? undefined : Number(number);
    };
  }
  const table = JSON.parse(await readFile(file, 'utf8')) as Record<string, number>;
  return (id) => table[id] ?? table[basename(id)];
}

/** Pictures stored as an array [n, height, width, channels] of bytes, for a model that takes floats. */
const holdsPixels = ({ type, dims }: Tensor, inputs: readonly ValueInfo[]): boolean =>
  type === 'uint8' &&
  dims.length === 4 &&
  [1, 3].includes(dims[3] ?? 0) &&
  inputs.length === 1 &&
  inputs[0]?.type === 'float32' &&
  inputs[0].dims?.length === 4;

function* imagesOfArray({ dims, data }: Tensor): Iterable<ImageData> {
  const [count = 0, height = 0, width = 0, planes = 1] = dims;
  const pixels = data as Uint8Array;
  for (let n = 0; n < count; n++) {
    const rgba = new Uint8ClampedArray(height * width * 4).fill(255);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) {
        rgba[i * 4 + c] = pixels[(n * height * width + i) * planes + (planes === 3 ? c : 0)] ?? 0;
      }
    }
    yield { width, height, data: rgba, colorSpace: 'srgb' } as ImageData;
  }
}

/** Arrays as feeds: by input name, or the only one for the only input. */
function fromArrays(
  found: Record<string, Tensor>,
  inputs: readonly ValueInfo[],
  path: string,
  settings: () => ImageInput,
): Dataset {
  const isInput = (name: string): boolean => inputs.some((input) => input.name === name);
  const labelName = LABEL_ARRAYS.find((name) => name in found && !isInput(name));
  const labelData = labelName === undefined ? undefined : found[labelName]?.data;
  const labels = labelData && Array.from(labelData as ArrayLike<number>, Number);
  const rest = Object.entries(found).filter(([name]) => name !== labelName);
  const only = inputs.length === 1 && rest.length === 1 ? rest[0]?.[1] : undefined;
  if (only && holdsPixels(only, inputs)) {
    return images(imagesOfArray(only), settings(), (_, index) => labels?.[index]);
  }
  const feeds = only ? { [inputs[0]?.name ?? '']: only } : Object.fromEntries(rest);
  const missing = inputs.find((input) => !(input.name in feeds));
  if (missing) {
    const names = rest.map(([name]) => `'${name}'`).join(', ');
    const message = `Expected an array named '${missing.name}' in ${path} but received ${names}`;
    throw new WhittleError('MISSING_INPUT', message, { where: missing.name });
  }
  return arrays(feeds, labels);
}

/** Raw little-endian float32: as many samples as the input's shape, with 1 for an open first axis, fits into it. */
function fromRaw(bytes: Uint8Array, inputs: readonly ValueInfo[], path: string): Dataset {
  const info = inputs[0];
  const dims = info?.dims?.map((dim, axis) =>
    typeof dim === 'number' ? dim : axis === 0 ? 1 : NaN,
  ) ?? [NaN];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const samples = bytes.length / 4 / count;
  if (inputs.length !== 1 || !info || !Number.isInteger(samples) || samples < 1) {
    throw new WhittleError(
      'INVALID_DATA',
      `Expected whole samples of float32 for ${path} but received ${bytes.length} bytes for an input of ${count} elements`,
      {
        where: path,
      },
    );
  }
  const data = new Float32Array(bytes.slice().buffer);
  return arrays({ [info.name]: { type: 'float32', dims: [samples, ...dims.slice(1)], data } });
}

function limited(data: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined) return data;
  return async function* () {
    let count = 0;
    for await (const sample of readDataset(data)) {
      if (count++ >= limit) return;
      yield sample;
    }
  };
}

async function fromFile(
  file: string,
  inputs: readonly ValueInfo[],
  settings: () => ImageInput,
): Promise<Dataset> {
  const bytes = await readFile(file);
  if (file.endsWith('.npz')) return fromArrays(readNpz(bytes, file), inputs, file, settings);
  if (file.endsWith('.npy')) {
    const array = { [inputs[0]?.name ?? '']: readNpy(bytes, file) };
    return fromArrays(array, inputs, file, settings);
  }
  return fromRaw(bytes, inputs, file);
}

/** One dataset after the other; each file is read when its turn comes. */
function chained(files: readonly string[], open: (file: string) => Promise<Dataset>): Dataset {
  return async function* () {
    for (const file of files) {
      for await (const sample of readDataset(await open(file))) {
        yield { ...sample, id: `${basename(file)} ${sample.id ?? ''}`.trim() };
      }
    }
  };
}

async function load(
  path: string,
  inputs: readonly ValueInfo[],
  values: Values,
  input?: Partial<ImageInput>,
): Promise<Dataset> {
  const info = await stat(path).catch(() => undefined);
  if (!info) {
    throw new WhittleError('LOAD_FAILED', `Expected samples at ${path} but there is nothing`, {
      where: path,
    });
  }
  const files = info.isDirectory() ? await filesBelow(path) : [path];
  const pictures = files.filter((file) => IMAGES.has(extname(file).toLowerCase()));
  const settings = (): ImageInput => imageSettings(inputs, values, input);
  if (pictures.length > 0) return images(pictures, settings(), await labelReader(values));
  const tensors = files.filter((name) => /\.(npz|npy|bin|raw|f32)$/i.test(name));
  if (tensors.length === 0) {
    const message = `Expected images, .npz, .npy or raw files at ${path} but found none among ${files.length} files`;
    throw new WhittleError('EMPTY_DATA', message, { where: path });
  }
  const first = await fromFile(tensors[0] as string, inputs, settings); // fails early
  return tensors.length === 1 ? first : chained(tensors, (f) => fromFile(f, inputs, settings));
}

/** The dataset behind --data, or undefined without the flag. */
export async function loadData(
  inputs: readonly ValueInfo[],
  values: Values,
  input?: Partial<ImageInput>,
): Promise<Dataset | undefined> {
  const path = values.text('data');
  if (path === undefined) return undefined;
  return limited(await load(path, inputs, values, input), values.number('limit'));
}
