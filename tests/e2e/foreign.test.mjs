// A model that nobody here made, with real images.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { unzipSync } from 'fflate';
import { launch, withPage } from './support/browser.mjs';
import { choosePreset, panel, run, serveStudio } from './support/studio.mjs';

const assets = process.env.WHITTLE_ASSETS;
const model = assets && join(assets, 'models', 'squeezenet1.1.onnx');
const IMAGES = 8;

async function sampleImages() {
  const files = unzipSync(await readFile(join(assets, 'datasets', 'imagenet-samples-200.zip')));
  const names = Object.keys(files)
    .filter((name) => /\.jpe?g$/i.test(name))
    .sort();
  return names
    .filter((_, index) => index % Math.floor(names.length / IMAGES) === 0)
    .map((name) => ({
      name: name.replace(/^.*\//, ''),
      mimeType: 'image/jpeg',
      buffer: Buffer.from(files[name]),
    }));
}

test('a foreign model, on synthetic samples and on images', async (t) => {
  if (!model || !existsSync(model)) {
    console.log('skipped: no assets');
    t.skip('no assets');
    return;
  }
  const server = await serveStudio();
  const browser = await launch();
  try {
    await withPage(browser, server.url, async (page) => {
      await page.getByLabel('Drop an ONNX model here').setInputFiles(model);
      await panel(page, 'Model').getByText('squeezenet1.1.onnx').waitFor();
      await page.getByLabel('Samples of each kind').fill('2');
      await choosePreset(page, 'Safest', 'fp16');
      await run(page);
      const result = panel(page, 'Original and compressed');
      assert.match(await result.innerText(), /synthetic/);

      await page.getByRole('radio', { name: 'Images' }).check();
      await page.getByLabel('Drop images').setInputFiles(await sampleImages());
      await page.getByLabel('Right class').selectOption('number');
      await choosePreset(page, 'Fastest', 'equalize');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await result.getByText('quantize-static changed').waitFor();
      const text = await result.innerText();
      assert.match(text, /Accuracy/);
      assert.doesNotMatch(text, /synthetic/);
    });
  } finally {
    await browser.close();
    await server.close();
  }
});
