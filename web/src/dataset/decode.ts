import { WhittleError } from '../errors.js';
import { isNode } from '../platform.js';
import { openBytes } from '../source.js';
import { cropBox, type Pixels, type Preprocessing } from './preprocess.js';

type Item = Blob | ImageData | string;

async function readAll(item: Blob | string): Promise<Uint8Array> {
  const { chunks } = await openBytes(item);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** Decodes, crops and scales with sharp; bicubic would overshoot, so plain area-aware linear. */
async function decodeInNode(item: Item, settings: Preprocessing): Promise<Pixels> {
  const { default: sharp } = await import('sharp');
  const raw = typeof item === 'object' && 'data' in item;
  const image = raw
    ? sharp(Buffer.from(item.data.buffer), {
        raw: { width: item.width, height: item.height, channels: 4 },
      })
    : sharp(await readAll(item)).rotate();
  const { data: full, info } = await image
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [x, y, w, h] = cropBox(info.width, info.height, settings).map(Math.round) as [
    number,
    number,
    number,
    number,
  ];
  const [height, width] = settings.size;
  const data = await sharp(full, { raw: { width: info.width, height: info.height, channels: 4 } })
    .extract({
      left: x,
      top: y,
      width: Math.min(w, info.width - x),
      height: Math.min(h, info.height - y),
    })
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
  return { width, height, data };
}

async function decodeInBrowser(item: Item, settings: Preprocessing): Promise<Pixels> {
  const bitmap = await createImageBitmap(
    typeof item === 'string' ? new Blob([(await readAll(item)) as BlobPart]) : item,
  );
  const [height, width] = settings.size;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('the browser has no 2d canvas');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, ...cropBox(bitmap.width, bitmap.height, settings), 0, 0, width, height);
  bitmap.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

/** An image as RGBA pixels of the wanted size. Throws INVALID_DATA naming the image. */
export async function decodeImage(
  item: Item,
  settings: Preprocessing,
  id: string,
): Promise<Pixels> {
  try {
    return await (isNode ? decodeInNode(item, settings) : decodeInBrowser(item, settings));
  } catch (cause) {
    if (cause instanceof WhittleError) throw cause;
    throw new WhittleError(
      'INVALID_DATA',
      `Expected an image for ${id} but it could not be decoded: ${(cause as Error).message}`,
      {
        where: id,
        cause,
      },
    );
  }
}
