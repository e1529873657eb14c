// The page as `npm start` serves it, and what one does on it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
const studio = join(root, 'demos', 'studio');

/** @returns {Promise<{url: string, close: () => Promise<void>}>} */
export async function serveStudio() {
  const server = await createServer({
    root: studio,
    configFile: join(studio, 'vite.config.ts'),
    server: { port: 0, strictPort: false },
    logLevel: 'error',
  });
  await server.listen();
  const address = server.httpServer.address();
  return { url: `http://localhost:${address.port}/`, close: () => server.close() };
}

/** Loads the built-in model, to be evaluated on few samples. */
export async function openDigits(page, samples = 100) {
  await page.getByRole('button', { name: 'Try the built-in digits model' }).click();
  await page.getByLabel('To calibrate').fill('50');
  await page.getByLabel('To evaluate').fill(String(samples));
}

/** Chooses a preset and waits for its steps. */
export async function choosePreset(page, name, firstTechnique) {
  await page.getByRole('radio', { name }).check();
  const technique = page.getByLabel('Technique of step 1');
  await technique.waitFor();
  await waitUntil(async () => (await technique.inputValue()) === firstTechnique);
}

/** Presses Run and waits for the result. */
export async function run(page) {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const done = page.getByRole('button', { name: 'Download .onnx' });
  const failed = page.getByRole('region', { name: 'Run' }).getByRole('alert');
  await done.or(failed).first().waitFor();
  if (await failed.isVisible()) assert.fail(await failed.innerText());
}

/** Clicks a button that offers a file; returns its name and bytes. */
export async function download(page, button) {
  const [offered] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ]);
  return { name: offered.suggestedFilename(), bytes: await readFile(await offered.path()) };
}

/** Drops a file on the page, as from a folder. */
export async function dropFile(page, selector, name, text) {
  const transfer = await page.evaluateHandle(
    ([fileName, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([content], fileName));
      return data;
    },
    [name, text],
  );
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}

/** The text of a panel, by its heading. */
export const panel = (page, name) => page.getByRole('region', { name });

export async function waitUntil(condition, patienceMs = 30_000) {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`waited ${patienceMs} ms for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
