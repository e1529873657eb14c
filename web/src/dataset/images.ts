import { expected } from '../is.js';
import type { Dataset } from '../types.js';
import { decodeImage } from './decode.js';
import { resolvePreprocessing, toTensor, type ImageInput } from './preprocess.js';

/**
 * A dataset of images. `input` says how pixels become a tensor: a preset ('imagenet', 'unit',
 * 'minus1to1', 'raw255') or its parts. `labels` gives the right class by id (the file's name where
 * there is one) and number. Images are decoded when they are read, one at a time.
 */
export function images(
  source: Iterable<Blob | ImageData | string>,
  input: ImageInput,
  labels?: (id: string, index: number) => number | undefined,
): Dataset {
  if (typeof source !== 'object' || source === null || !(Symbol.iterator in source)) {
    throw expected('a list of files, images or addresses', 'the source of images', source);
  }
  const list = [...source];
  const settings = resolvePreprocessing(input);
  return async function* () {
    for (const [index, item] of list.entries()) {
      const id = typeof item === 'string' ? item : 'name' in item ? String(item.name) : `#${index}`;
      const pixels = await decodeImage(item, settings, id);
      const label = labels?.(id, index);
      const feeds = { [settings.name]: toTensor(pixels, settings) };
      yield { feeds, id, ...(label === undefined ? {} : { label }) };
    }
  };
}
