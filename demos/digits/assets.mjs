import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { images } from 'whittle-nn';

const INPUT = { preset: 'imagenet', name: 'input', size: [224, 224] };

/** A dataset over files of an archive; the file name starts with the class. */
function imagesOf(files, names) {
  const blobs = names.map((name) => new File([files[name]], name.replace(/^.*\//, '')));
  return images(blobs, INPUT, (id) => Number(/^\d+/.exec(id)?.[0]));
}

/**
 * MobileNetV2 with 200 labelled sample images, every other one for calibration; undefined where the
 * assets folder is not there.
 */
export async function mobileNetSubject(assets) {
  const file = assets && join(assets, 'models', 'mobilenetv2.onnx');
  if (!file || !existsSync(file)) return undefined;
  const archive = await readFile(join(assets, 'datasets', 'imagenet-samples-200.zip'));
  const files = unzipSync(archive);
  const names = Object.keys(files)
    .filter((name) => /\.jpe?g$/i.test(name))
    .sort();
  return {
    name: 'mobilenetv2',
    file,
    calibration: imagesOf(
      files,
      names.filter((_, i) => i % 4 === 0),
    ),
    evaluation: imagesOf(
      files,
      names.filter((_, i) => i % 2 === 1),
    ),
    gate: { minAgreement: 0.85 },
  };
}
