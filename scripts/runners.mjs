// How each kind of test is run, and how its results are counted.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { cmake } from './parts.mjs';
import { execute, jobs, root, toolchain } from './stages.mjs';

const results = join(root, 'build', 'results');

/** Environment that tests may rely on. */
const testEnvironment = {
  WHITTLE_ONNX_TESTDATA: join(toolchain, 'test-data/onnx'),
  WHITTLE_CHROMIUM: existsSync(join(toolchain, 'bin/chromium'))
    ? join(toolchain, 'bin/chromium')
    : 'chromium',
};

/**
 * node --test over the test files below tests/<folder>.
 * @param {string} folder
 * @param {{relaxed?: boolean, only?: RegExp}} [options]  relaxed: in the newer Node, whose relaxed
 *   SIMD is the final one; only: the files whose path matches
 */
export async function nodeTests(folder, { relaxed = false, only = /./ } = {}) {
  const files = testFiles(join(root, 'tests', folder), /\.test\.(ts|mts|mjs)$/).filter((file) =>
    only.test(file),
  );
  if (files.length === 0) throw new Error(`no tests in tests/${folder}`);
  const name = relaxed ? `${folder}-relaxed` : folder;
  const tap = join(results, `${name}.tap`);
  mkdirSync(results, { recursive: true });
  const program = relaxed ? join(toolchain, 'bin/node-relaxed') : process.execPath;
  const code = await execute(
    name,
    program,
    [
      ...['--import', 'tsx', '--test'],
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...['--test-reporter=tap', `--test-reporter-destination=${tap}`],
      ...files.map((file) => relative(root, file)),
    ],
    { env: testEnvironment, inherit: true },
  );
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(read(tap))?.[1] ?? 0);
  return counted(count('pass'), count('fail') + count('cancelled'), code);
}

/** The compiler of what runs under sanitizers: clang, which is quicker at it, and has libFuzzer. */
const sanitizing = { CXX: join(toolchain, 'bin/fuzz-c++') };

/** All GoogleTest programs, native, under the sanitizers. */
export async function googleTests() {
  await cmake('native', [], sanitizing);
  return googleTestPrograms('native', join(root, 'build/native/tests'), /^test_[a-z]+$/, []);
}

/** The GoogleTest programs of each wasm tier; the relaxed ones in the newer Node. */
export async function wasmTests() {
  await cmake('wasm', ['wasm-tests']);
  const sum = { passed: 0, failed: 0 };
  for (const [tier, node] of [
    ['simd128', process.execPath],
    ['relaxed', join(toolchain, 'bin/node-relaxed')],
  ]) {
    const pattern = new RegExp(`^test_[a-z]+-${tier}\\.cjs$`);
    const counts = await googleTestPrograms(tier, join(root, 'build/wasm/tests'), pattern, [node]);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
  }
  return sum;
}

// Runs the programs in `folder` that match, each by `runner` if given, as many at a time as there
// are processors. The largest begins: it takes longest.
async function googleTestPrograms(name, folder, pattern, runner) {
  const output = join(results, name);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const sum = { passed: 0, failed: 0 };
  const size = (file) => statSync(join(folder, file)).size;
  const programs = readdirSync(folder)
    .filter((file) => pattern.test(file))
    .sort((a, b) => size(b) - size(a));
  const run = async (program) => {
    const json = join(output, `${program}.json`);
    const [command, ...args] = [...runner, join(folder, program)];
    const code = await execute(
      program,
      command,
      [...args, '--gtest_brief=1', `--gtest_output=json:${json}`],
      { env: testEnvironment, show: (line) => line.length > 0 },
    );
    const report = existsSync(json) ? JSON.parse(read(json)) : { tests: 0, failures: 1 };
    const counts = counted(report.tests - report.failures, report.failures, code);
    console.log(`  ${program}: ${counts.passed} passed, ${counts.failed} failed`);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
  };
  await Promise.all(
    Array.from({ length: Number(jobs) }, async () => {
      while (programs.length > 0) await run(programs.shift());
    }),
  );
  return sum;
}

/**
 * ONNX's own cases: of 1.12, and of 1.19 where WHITTLE_ASSETS has them. A case counts as passed when
 * it does what the list of known failures says.
 */
export async function conformance() {
  await cmake('native', ['conformance'], sanitizing);
  const folder = join(root, 'build/native/tests/conformance');
  const newer = join(folder, 'onnx-1.19/onnx/backend/test/data');
  const sum = await conformanceSuite(
    'expected_failures.txt',
    testEnvironment.WHITTLE_ONNX_TESTDATA,
  );
  if (!existsSync(newer)) return sum;
  const counts = await conformanceSuite('expected_failures_1.19.txt', newer);
  return { passed: sum.passed + counts.passed, failed: sum.failed + counts.failed };
}

async function conformanceSuite(list, data) {
  const program = join(root, 'build/native/tests/conformance/conformance');
  const code = await execute(
    'conformance',
    program,
    ['--list', join(root, 'tests/conformance', list), data],
    { show: (line) => /^(PASSES|FAILS|conformance|No test data)|\d of +\d+ pass/.test(line) },
  );
  const output = read(join(root, 'build/log/conformance.log'));
  const [, cases, surprises] =
    /^conformance +\d+ of +(\d+) pass, (\d+) surprises$/m.exec(output) ?? [];
  if (!cases) throw new Error('no conformance case ran');
  return counted(Number(cases) - Number(surprises), Number(surprises), code);
}

/** Every fuzz target for a minute altogether, starting from its corpus. */
export async function fuzz() {
  await cmake('native', ['fuzz-targets'], sanitizing);
  const folder = join(root, 'build/native/tests');
  const targets = readdirSync(folder).filter((file) => /^fuzz_[a-z_]+$/.test(file));
  const sum = { passed: 0, failed: 0 };
  for (const target of targets) {
    const corpus = join(root, 'tests/fuzz/corpus', target.replace('fuzz_', ''));
    const found = join(root, 'build/results/fuzz', target);
    mkdirSync(found, { recursive: true });
    const seconds = Math.ceil(60 / targets.length);
    const code = await execute(
      target,
      join(folder, target),
      [
        ...[`-max_total_time=${seconds}`, '-seed=1', '-timeout=10', '-rss_limit_mb=2048'],
        ...['-max_len=65536', '-print_final_stats=1', `-artifact_prefix=${found}/`],
        ...[found, ...(existsSync(corpus) ? [corpus] : [])],
      ],
      { show: (line) => /^(stat::number_of|==|SUMMARY|.*ERROR)/.test(line) },
    );
    sum[code === 0 ? 'passed' : 'failed'] += 1;
    if (code !== 0) console.error(`  ${target} failed: see build/log/${target}.log and ${found}`);
  }
  return sum;
}

// A program that failed without a failing test (a crash, a leak) counts as one.
function counted(passed, failed, code) {
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

function testFiles(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.path, entry.name))
    .sort();
}

function read(file) {
  return readFileSync(file, 'utf8');
}
