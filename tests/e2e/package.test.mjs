// The package as npm would publish it, in fresh folders: Node, Vite built and in development, and a
// plain script from another origin under a strict content security policy.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build, createServer, preview } from 'vite';
import { launch, withPage } from './support/browser.mjs';
import { serveFolder } from './support/serve.mjs';
import { root } from './support/studio.mjs';

/** Runs the digits model once, and shows what came out in the title. */
const program = (library, model) => `
import { capabilities, createSession, loadModel } from ${JSON.stringify(library)};
const show = (value) => (globalThis.document ? (document.title = value) : console.log(value));
try {
  const model = await loadModel(${model});
  const session = await createSession(model);
  const { logits } = await session.run({ image: new Float32Array(784) });
  const { worker, fallbacks } = await capabilities();
  await session.dispose();
  model.dispose();
  show(JSON.stringify({ finite: logits.data.every(Number.isFinite), dims: logits.dims, worker, fallbacks }));
} catch (error) {
  show(JSON.stringify({ error: String(error?.message ?? error) }));
}
`;
const page = (script) =>
  `<!doctype html><meta charset="utf-8"><title>...</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;

async function resultOf(tab) {
  await tab.waitForFunction(() => document.title.startsWith('{'));
  return JSON.parse(await tab.title());
}

function assertRan(result) {
  assert.equal(result.error, undefined);
  assert.deepEqual(result.dims, [1, 10]);
  assert.equal(result.finite, true);
}

describe('the package', { concurrency: false }, () => {
  let folder;
  let app;
  let browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whittle-package-'));
    const options = { cwd: join(root, 'web'), encoding: 'utf8' };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], options);
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
    app = join(folder, 'app');
    await mkdir(join(app, 'public'), { recursive: true });
    await writeFile(join(app, 'package.json'), '{"name":"app","private":true,"type":"module"}');
    const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    execFileSync('npm', ['install', ...flags, join('..', tarball)], { cwd: app, stdio: 'inherit' });
    await copyFile(join(root, 'demos/digits/digits.onnx'), join(app, 'public/digits.onnx'));
    await writeFile(join(app, 'index.html'), page('/main.js'));
    await writeFile(join(app, 'main.js'), program('whittle-nn', "'/digits.onnx'"));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test('runs in Node', async () => {
    await writeFile(join(app, 'node.js'), program('whittle-nn', "'public/digits.onnx'"));
    const output = execFileSync(process.execPath, ['node.js'], { cwd: app, encoding: 'utf8' });
    const result = JSON.parse(output);
    assertRan(result);
    assert.equal(result.worker, true);
  });

  test('has a command', () => {
    const command = join(app, 'node_modules/.bin/whittle');
    const output = execFileSync(command, ['inspect', 'public/digits.onnx'], {
      cwd: app,
      encoding: 'utf8',
    });
    assert.match(output, /digits/);
  });

  test('runs as vite build makes it, without configuration', async () => {
    await build({ root: app, configFile: false, logLevel: 'error' });
    const server = await preview({ root: app, configFile: false, preview: { port: 0 } });
    try {
      const { port } = server.httpServer.address();
      await withPage(browser, `http://localhost:${port}/`, async (tab) => {
        const result = await resultOf(tab);
        assertRan(result);
        assert.equal(result.worker, true, String(result.fallbacks));
      });
    } finally {
      await server.close();
    }
  });

  test('runs in vite dev with the documented line', async () => {
    const server = await createServer({
      root: app,
      configFile: false,
      logLevel: 'error',
      server: { port: 0 },
      optimizeDeps: { exclude: ['whittle-nn'] },
    });
    await server.listen();
    try {
      const { port } = server.httpServer.address();
      await withPage(browser, `http://localhost:${port}/`, async (tab) => {
        const result = await resultOf(tab);
        assertRan(result);
        assert.equal(result.worker, true, String(result.fallbacks));
      });
    } finally {
      await server.close();
    }
  });

  for (const blob of [true, false]) {
    test(`runs from another origin, blob workers ${blob ? 'allowed' : 'forbidden'}`, async () => {
      const cdn = await serveFolder(join(app, 'node_modules/whittle-nn'), {
        'Access-Control-Allow-Origin': '*',
      });
      const site = join(folder, blob ? 'site-blob' : 'site');
      await mkdir(site, { recursive: true });
      await copyFile(join(app, 'public/digits.onnx'), join(site, 'digits.onnx'));
      await writeFile(join(site, 'index.html'), page('/main.js'));
      await writeFile(join(site, 'main.js'), program(`${cdn.url}dist/index.js`, "'/digits.onnx'"));
      const policy = [
        "default-src 'self'",
        `script-src 'self' 'wasm-unsafe-eval' ${cdn.url}`,
        `connect-src 'self' ${cdn.url}`,
        `worker-src 'self' ${blob ? 'blob:' : ''}`,
        'img-src data:',
      ].join('; ');
      const server = await serveFolder(site, { 'Content-Security-Policy': policy });
      try {
        await withPage(
          browser,
          server.url,
          async (tab) => {
            const result = await resultOf(tab);
            assertRan(result);
            assert.equal(result.worker, blob, String(result.fallbacks));
            if (!blob) assert.match(result.fallbacks.join(), /No worker could be started/);
          },
          // The browser reports the worker that the policy forbids; the library goes on without.
          blob ? {} : { expect: /Content Security Policy/ },
        );
      } finally {
        await server.close();
        await cdn.close();
      }
    });
  }
});
