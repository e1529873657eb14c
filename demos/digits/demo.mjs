/**
 * npm run demo: compresses the built-in model (and, with WHITTLE_ASSETS set, MobileNetV2) by several
 * recipes, measures each beside the original, and writes models and reports under out/.
 */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compress, configure, loadModel } from 'whittle-nn';
import { renderHtml, renderText, reportTable } from 'whittle-nn/report';
import { digits } from 'whittle-digits';
import { mobileNetSubject } from './assets.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const wide = process.argv.includes('--wide');

/** What is tried on every model; the last one is two steps. */
const RECIPES = {
  fp16: [{ technique: 'fp16' }],
  'dynamic int8': [{ technique: 'quantize-dynamic' }],
  'static int8': [{ technique: 'quantize-static' }],
  svd: [{ technique: 'svd', energy: 0.95 }],
  'svd + static int8': [{ technique: 'svd', energy: 0.95 }, { technique: 'quantize-static' }],
};

async function writeWhole(path, data) {
  await writeFile(`${path}.tmp`, data);
  await rename(`${path}.tmp`, path);
}

function digitsSubject() {
  return {
    name: 'digits',
    file: fileURLToPath(import.meta.resolve('whittle-digits/digits.onnx')),
    calibration: digits('calibration', 200),
    evaluation: digits('test', 1000),
    gate: { maxDrop: 0.01 },
  };
}

/** Progress of one line that is rewritten on a terminal. */
const show = (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`);

async function tryRecipe(model, name, steps, subject, folder) {
  const recipe = { whittle: 1, seed: 1, gate: subject.gate, steps };
  const onProgress = (p) => show(`${name}: ${p.stage} ${p.done}${p.total ? `/${p.total}` : ''}`);
  const { calibration, evaluation } = subject;
  const options = { calibration, evaluation, keep: true, onProgress };
  const { model: small, report } = await compress(model, recipe, options);
  try {
    const file = `${subject.name}.${name.replace(/ \+ | /g, '-')}.onnx`;
    await writeWhole(join(folder, file), await small.toBytes());
  } finally {
    small.dispose();
  }
  return { name, report };
}

async function demonstrate(subject) {
  const folder = join(root, 'out', subject.name);
  await mkdir(folder, { recursive: true });
  const model = await loadModel(subject.file);
  const reports = [];
  const refused = [];
  for (const [name, steps] of Object.entries(RECIPES)) {
    try {
      reports.push(await tryRecipe(model, name, steps, subject, folder));
    } catch (error) {
      refused.push(`${name}: ${error.message}`);
    }
  }
  model.dispose();
  show('');
  const set = { reportSet: 1, reports };
  await writeWhole(join(folder, 'report.json'), `${JSON.stringify(set, null, 2)}\n`);
  await writeWhole(join(folder, 'report.html'), renderHtml(set));
  console.log(renderText(reportTable(reports, wide)));
  for (const line of refused) console.log(line);
  console.log(`Models, report.json and report.html are in out/${subject.name}/\n`);
  return refused.length;
}

configure({ threads: 1 });
let failures = await demonstrate(digitsSubject());
const real = await mobileNetSubject(process.env.WHITTLE_ASSETS);
if (real) failures += await demonstrate(real);
else console.log('Set WHITTLE_ASSETS to a folder of models to see the same for MobileNetV2.\n');
console.log('See it in the browser: npm start');
process.exitCode = failures > 0 ? 1 : 0;
