// Runs ONNX's backend tests through the library over its wasm module, or through onnxruntime-web
// for the comparison.
//
//   node tests/conformance/node.mjs [--engine whittle|onnxruntime-web] [--tier simd128|relaxed]
//                                   [--wasm <folder>] [--list <file>]... [--all] <folder>...
//
// A folder holds <suite>/<case>/model.onnx. With --list, what fails must be in one and what
// passes must not: exits 1 otherwise. --all prints every failing case with its reason. --wasm names the
// folder of the modules, when not the built package's.
import { fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

/** A case that takes longer hangs. */
const kSeconds = 60;

const { values: options, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'whittle' },
    tier: { type: 'string' },
    wasm: { type: 'string' },
    list: { type: 'string', multiple: true, default: [] },
    all: { type: 'boolean', default: false },
  },
});

/** Cases run in a process of their own, started again after each one it does not survive. */
class CaseRunner {
  run(folder) {
    const child = (this.child ??= this.start());
    return new Promise((done) => {
      const end = (what) => {
        clearTimeout(timer);
        child.off('message', end);
        child.off('exit', died);
        done(what);
      };
      const died = (code, signal) => {
        this.child = undefined;
        end(`the engine ended its process (${signal ?? `exit code ${code}`})`);
      };
      const timer = setTimeout(() => child.kill('SIGKILL'), kSeconds * 1000);
      child.on('message', end);
      child.on('exit', died);
      child.send(folder);
    });
  }

  start() {
    const { engine, tier, wasm } = options;
    const settings = {
      engine,
      tier,
      ...(wasm ? { wasm: `${pathToFileURL(resolve(wasm))}/` } : {}),
    };
    const script = new URL('./case_process.mjs', import.meta.url);
    return fork(script, [JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  }

  stop() {
    this.child?.kill();
  }
}

const listed = new Set(
  options.list
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split(': ')[0]),
);
const runner = new CaseRunner();
let cases = 0;
let passed = 0;
let surprises = 0;
for (const folder of folders.filter((name) => existsSync(name))) {
  for (const suite of readdirSync(folder).sort()) {
    for (const name of readdirSync(join(folder, suite)).sort()) {
      if (!existsSync(join(folder, suite, name, 'model.onnx'))) continue;
      const what = await runner.run(join(folder, suite, name));
      cases += 1;
      passed += what ? 0 : 1;
      if (what && options.all) console.log(`${suite}/${name}: ${what}`);
      if (options.list.length === 0 || listed.has(`${suite}/${name}`) === Boolean(what)) continue;
      surprises += 1;
      console.log(
        what ? `FAILS ${suite}/${name}: ${what}` : `PASSES, but is listed: ${suite}/${name}`,
      );
    }
  }
}
runner.stop();
if (cases === 0) console.log('No test data found (Debian: libonnx-testdata)');
const found = options.list.length > 0 ? `, ${surprises} surprises` : '';
console.log(`${options.engine}: ${passed} of ${cases} pass${found}`);
process.exitCode = surprises === 0 ? 0 : 1;
