// Every module that the package ships does the job.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, withPage } from './support/browser.mjs';
import { choosePreset, openDigits, panel, run, serveStudio, waitUntil } from './support/studio.mjs';

const VARIANTS = [
  ['relaxed', 1],
  ['relaxed', 2],
  ['simd128', 1],
  ['simd128', 2],
  ['scalar', 1],
];

describe('module variants', { concurrency: false }, () => {
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

  for (const [tier, threads] of VARIANTS) {
    test(`${tier}, ${threads} thread${threads === 1 ? '' : 's'}`, () =>
      withPage(browser, `${server.url}?tier=${tier}&threads=${threads}`, async (page) => {
        const engine = page.getByTestId('engine');
        await waitUntil(async () => /thread/.test(await engine.innerText()));
        assert.match(await engine.innerText(), new RegExp(`^${tier}, ${threads} thread`));
        await openDigits(page, 30);
        await choosePreset(page, 'Fastest', 'equalize');
        await run(page);
        const result = await panel(page, 'Original and compressed').innerText();
        assert.match(result, new RegExp(`${tier}, ${threads} thread`));
        const accuracy = /original\s+([\d.]+) %\s+compressed\s+([\d.]+) %/.exec(result);
        assert.ok(accuracy, result);
        assert.ok(Number(accuracy[1]) > 90 && Number(accuracy[2]) > 80, accuracy[0]);
      }));
  }
});
