import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of real models, or undefined where WHITTLE_ASSETS is unset. */
export const assets = process.env['WHITTLE_ASSETS'];

/** For a test's `skip`: false, or why it is skipped. */
export const skipWithoutAssets: false | string =
  assets && existsSync(assets) ? false : 'skipped: no assets';

export const asset = (path: string): string => join(assets ?? '', path);

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const digitsModel = join(root, 'demos/digits/digits.onnx');
