// The page does the whole job in Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, withPage } from './support/browser.mjs';
import {
  choosePreset,
  download,
  dropFile,
  openDigits,
  panel,
  run,
  serveStudio,
  waitUntil,
} from './support/studio.mjs';

describe('the page', { concurrency: false }, () => {
  let browser;
  let server;
  before(async () => {
    server = await serveStudio();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  const onPage = (use, options) => withPage(browser, server.url, use, options);

  test('shows what the built-in model is made of', () =>
    onPage(async (page) => {
      await openDigits(page);
      const model = await panel(page, 'Model').innerText();
      assert.match(model, /digits\.onnx/);
      assert.match(model, /10\.7 k parameters/);
      assert.match(model, /image\s+float32 \[batch, 1, 28, 28\]/);
      const rows = panel(page, 'Layers').locator('tbody tr');
      assert.match(await rows.first().innerText(), /fc1\s+Gemm/, 'the largest comes first');
      await panel(page, 'Layers').getByRole('button', { name: 'MACs' }).click();
      assert.match(await rows.first().innerText(), /Conv/);
    }));

  test('compresses the built-in model, measures it and offers the files', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Fastest', 'equalize');
      await page.getByLabel('Agreement at least').fill('50');
      await run(page);
      const result = panel(page, 'Original and compressed');
      const text = await result.innerText();
      assert.match(text, /quantize-static changed \d+ of \d+ layers/);
      assert.match(text, /Accuracy/);
      assert.match(text, /of 100 changed/);
      assert.match(text, /Passes the gate/);
      const brotli = await result.getByRole('row', { name: /brotli/ }).innerText();
      assert.match(brotli, /File, brotli\s+\d+ kB\s+[\d.]+ kB\s+-\d/, 'both sizes and a saving');

      const json = await download(page, 'report.json');
      assert.equal(json.name, 'digits.report.json');
      const [{ report }] = JSON.parse(json.bytes.toString()).reports;
      assert.equal(report.evaluation.samples, 100);
      assert.ok(report.compressed.bytes.brotli < report.original.bytes.brotli);
      const html = await download(page, 'report.html');
      assert.match(html.bytes.toString(), /<title>Whittle: digits\.onnx<\/title>/);

      const small = await download(page, 'Download .onnx');
      assert.equal(small.name, 'digits.small.onnx');
      assert.equal(small.bytes.length, report.compressed.bytes.raw);
      await page.getByLabel('Drop another model').setInputFiles({
        name: small.name,
        mimeType: 'application/octet-stream',
        buffer: small.bytes,
      });
      await panel(page, 'Model').getByText('This model is quantized already').waitFor();
    }));

  test('says that a gate is missed, and keeps the result', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Fastest', 'equalize');
      await page.getByLabel('SQNR at least').fill('200');
      await run(page);
      assert.match(
        await panel(page, 'Original and compressed').innerText(),
        /Misses the gate[\s\S]*SQNR/,
      );
    }));

  test('builds a recipe of several steps', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Safest', 'fp16');
      const recipe = panel(page, 'Recipe');
      await recipe.getByRole('button', { name: 'Add a step' }).click();
      await page.getByLabel('Technique of step 2').selectOption('svd');
      await page.getByRole('button', { name: 'Move step 2 up' }).click();
      assert.equal(await page.getByLabel('Technique of step 1').inputValue(), 'svd');
      await recipe.getByText('Options and layers').first().click();
      await recipe.getByLabel('energy').fill('0.9');
      await recipe.getByRole('button', { name: 'Choose layers' }).first().click();
      await recipe.getByLabel('Layer name').fill('fc*');
      await recipe.getByText('Recipe as JSON').click();
      const json = JSON.parse(await recipe.getByLabel('Recipe as JSON').inputValue());
      assert.deepEqual(json.steps, [
        { technique: 'svd', energy: 0.9, layers: [{ name: 'fc*' }] },
        { technique: 'fp16' },
      ]);
      await run(page);
      await page.getByRole('button', { name: 'Remove step 2' }).click();
      assert.equal(await page.getByLabel('Technique of step 2').count(), 0);
    }));

  test('shows where the error arises, and what a layer in float would change', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Fastest', 'equalize');
      // What equalize scaled is no longer the value that the original has.
      await page.getByRole('button', { name: 'Remove step 1' }).click();
      await run(page);
      const layers = panel(page, 'Layer by layer');
      await layers.getByRole('button', { name: 'Compare layer by layer' }).click();
      const rows = layers.locator('tbody tr');
      await rows.first().waitFor();
      const ratios = await layers.locator('.layer-db').allInnerTexts();
      const numbers = ratios.map((text) => Number.parseFloat(text));
      assert.deepEqual(
        numbers,
        [...numbers].sort((a, b) => a - b),
        'the worst first',
      );
      const row = layers.locator('tr[data-layer="fc1"]');
      assert.match(await row.innerText(), /int8/);

      // By keyboard: the switch of one layer, then the result is there by itself.
      const toggle = layers.getByRole('button', { name: 'Keep fc1 in float' });
      await toggle.focus();
      await page.keyboard.press('Enter');
      await row.getByText('float32').waitFor();
      assert.equal(await toggle.getAttribute('aria-pressed'), 'true');
      const change = await layers.getByRole('status').innerText();
      assert.match(change, /fc1 in float[\s\S]*kB → [\d.]+ kB[\s\S]*dB → [\d.]+ dB/);
      await panel(page, 'Recipe').getByText('Recipe as JSON').click();
      const recipe = () => page.getByLabel('Recipe as JSON').inputValue();
      const [step] = JSON.parse(await recipe()).steps;
      assert.deepEqual(step.layers.at(-1), { name: 'fc1', skip: true });

      await layers.getByRole('radio', { name: 'From input to output' }).check();
      assert.match(await rows.first().innerText(), /conv1/);
      await toggle.click();
      await row.getByText('int8').waitFor();
      assert.doesNotMatch(await recipe(), /fc1/);
    }));

  test('shows what is wrong with a recipe beside its step', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Safest', 'fp16');
      await page.getByText('Options and layers').click();
      await page.getByRole('button', { name: 'Choose layers' }).click();
      await page.getByLabel('Layer name').fill('no_such_layer');
      const alert = panel(page, 'Recipe').getByRole('alert');
      await alert.waitFor();
      assert.match(await alert.innerText(), /NO_SUCH_LAYER/);
      await page.getByLabel('Layer name').fill('fc1');
      await alert.waitFor({ state: 'detached' });
    }));

  test('cancels, and runs again', () =>
    onPage(async (page) => {
      await openDigits(page, 50_000);
      await choosePreset(page, 'Fastest', 'equalize');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      const cancel = page.getByRole('button', { name: 'Cancel' });
      await waitUntil(() => cancel.isEnabled());
      await page.waitForTimeout(500); // in the middle of something
      const start = Date.now();
      await cancel.click();
      await page.getByText('Cancelled').first().waitFor();
      assert.ok(Date.now() - start < 2000, 'cancelling is quick');
      await page.getByLabel('To evaluate').fill('50');
      await run(page);
    }));

  test('explains what was dropped when it is no model, and stays usable', () =>
    onPage(async (page) => {
      await dropFile(page, '.drop', 'model.onnx', '<!doctype html><title>404</title>');
      const alert = page.getByRole('alert');
      await alert.waitFor();
      assert.match(await alert.innerText(), /Expected an ONNX model[\s\S]*HTML[\s\S]*NOT_A_MODEL/);
      await dropFile(
        page,
        'body',
        'model.onnx',
        'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 134\n',
      );
      await alert.getByText('git-LFS pointer').waitFor();
      await openDigits(page);
      await panel(page, 'Layers').waitFor();
    }));

  test('reads a drawn digit with both models', () =>
    onPage(async (page) => {
      await openDigits(page);
      await choosePreset(page, 'Safest', 'fp16');
      await run(page);
      const pad = page.getByRole('img', { name: 'Draw a digit here' });
      await pad.scrollIntoViewIfNeeded();
      const box = await pad.boundingBox();
      await page.mouse.move(box.x + box.width * 0.52, box.y + box.height * 0.15);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.48, box.y + box.height * 0.85, { steps: 12 });
      await page.mouse.up();
      const answers = page.locator('[data-answer]');
      await waitUntil(async () => {
        const read = await answers.evaluateAll((all) => all.map((el) => el.dataset.answer));
        return read.join() === '1,1';
      });
      await waitUntil(
        async () => (await page.locator('.answer-ms', { hasText: 'ms' }).count()) === 2,
      );
      await page.getByRole('button', { name: 'Clear' }).click();
      await waitUntil(async () => (await page.locator('[data-answer=""]').count()) === 2);
    }));

  test('fits a narrow screen', () =>
    onPage(
      async (page) => {
        await openDigits(page);
        await panel(page, 'Layers').waitFor();
        const widths = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.clientWidth,
        ]);
        assert.ok(widths[0] <= widths[1], `nothing sticks out: ${widths}`);
      },
      { viewport: { width: 360, height: 740 } },
    ));
});
