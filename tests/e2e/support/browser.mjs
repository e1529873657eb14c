// Chromium, and pages whose console is watched.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Long enough for a machine that does other things as well. */
export const PATIENCE_MS = 120_000;

function executable() {
  const named = process.env.WHITTLE_CHROMIUM;
  return named && existsSync(named) ? named : '/usr/bin/chromium';
}

export function launch() {
  return chromium.launch({ executablePath: executable(), args: ARGS });
}

/**
 * Opens a page, hands it to `use`, and fails when its console showed an error.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {(page: import('playwright-core').Page) => Promise<void>} use
 * @param {{expect?: RegExp} & import('playwright-core').BrowserContextOptions} [options]
 *   `expect`: errors that are meant to be there
 */
export async function withPage(browser, url, use, { expect, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors = [];
  const note = (text) => {
    if (!expect?.test(text)) errors.push(text);
  };
  page.on('console', (message) => message.type() === 'error' && note(message.text()));
  page.on('pageerror', (error) => note(String(error)));
  try {
    await page.goto(url);
    await use(page);
    assert.deepEqual(errors, [], 'the console shows no errors');
  } catch (error) {
    if (errors.length > 0) console.error('console:', errors);
    throw error;
  } finally {
    await context.close();
  }
}
