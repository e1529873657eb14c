/**
 * Whole models in one Chromium, one thread: ours by tier beside onnxruntime-web, run in turn on the
 * same inputs, after their outputs were found to agree.
 *
 *   npm run bench -- model                    every model of WHITTLE_ASSETS
 *   npm run bench -- model mobilenetv2 resnet models whose name contains a word
 *   npm run bench -- model --json             as JSON
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join } from 'node:path';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { loadModel } from 'whittle-nn';
import { feedsFor } from '../../web/support/feeds.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};

const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function modelFiles(words) {
  const assets = process.env.WHITTLE_ASSETS;
  const folders = assets ? ['models', 'quantized'].map((name) => join(assets, name)) : [];
  const files = folders
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.onnx'));
  const own = join(root, 'demos/digits/digits.onnx');
  const all = [own, ...files];
  return words.length === 0
    ? all
    : all.filter((file) => words.some((word) => basename(file).includes(word)));
}

/** Serves the repository's own files, and the models by number. */
async function serve(files) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const model = /^\/models\/(\d+)$/.exec(path);
    const file = model ? files[Number(model[1])] : join(root, path);
    if (path.includes('..') || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    response.end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Inputs as JSON can carry them. */
function plainFeeds(feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, dims, data }]) => [
      name,
      { type, dims, data: Array.from(data, Number) },
    ]),
  );
}

async function inputsOf(file) {
  const model = await loadModel(file);
  const { inputs } = model;
  model.dispose();
  return inputs;
}

const median = (stats) => (stats ? stats.median.toFixed(stats.median < 10 ? 3 : 1) : '-');

function row(file, result) {
  if (result.error) return [basename(file, '.onnx'), result.error.slice(0, 70)];
  const { relaxed, simd128, 'onnxruntime-web': peer } = result.contenders;
  const ratio = (stats) => (stats && peer ? (stats.median / peer.median).toFixed(2) : '-');
  return [
    basename(file, '.onnx'),
    median(relaxed),
    median(simd128),
    median(peer),
    ratio(relaxed),
    ratio(simd128),
    result.note,
  ];
}

const HEAD = [
  'model',
  'relaxed ms',
  'simd128 ms',
  'onnxruntime-web ms',
  'relaxed ratio',
  'simd128 ratio',
  '',
];

function print(rows) {
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, i) =>
    Math.max(...all.map((cells) => (cells.length > 2 ? (cells[i] ?? '').length : 0))),
  );
  for (const cells of all)
    console.log(
      cells
        .map((cell, i) =>
          i === 0 ? cell.padEnd(widths[0]) : cell.padStart(cells.length > 2 ? widths[i] : 0),
        )
        .join('  '),
    );
}

export async function run(options) {
  const json = options.includes('--json');
  const files = modelFiles(options.filter((option) => !option.startsWith('--')));
  const server = await serve(files);
  const browser = await chromium.launch({
    executablePath: process.env.WHITTLE_CHROMIUM ?? '/usr/bin/chromium',
    args: BROWSER_FLAGS,
  });
  const results = [];
  try {
    if (!json)
      console.log(
        `Chromium ${browser.version()}, one thread, ${cpus()[0].model.trim()}; median ms, ratio to onnxruntime-web\n`,
      );
    for (const [index, file] of files.entries()) {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(`${basename(file)}: ${error.message}`));
      await page.goto(`http://127.0.0.1:${server.address().port}/tests/bench/model/page.html`);
      let result;
      try {
        const feeds = plainFeeds(feedsFor(file, await inputsOf(file), 1));
        result = await page.evaluate(
          ([number, given]) => window.bench(`/models/${number}`, given),
          [index, feeds],
        );
      } catch (error) {
        result = { error: error.message.split('\n')[0] };
      }
      await page.close();
      results.push({ model: basename(file), ...result });
      if (!json) process.stderr.write(`${row(file, result).join('  ')}\n`);
    }
  } finally {
    await browser.close();
    server.close();
  }
  if (json) console.log(JSON.stringify(results, null, 2));
  else print(results.map((result, i) => row(files[i], result)));
}
