// Runs a list of stages: prints them first, shows progress, skips what is done, and keeps the full
// output of each in build/log/.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const toolchain = process.env.WHITTLE_TOOLCHAIN ?? join(root, '.toolchain');
export const jobs = String(availableParallelism());
const logs = join(root, 'build', 'log');

/** The stage that runs beside others, whose lines have to say where they come from. */
const beside = new AsyncLocalStorage();

const environment = {
  ...process.env,
  PATH: [join(toolchain, 'bin'), process.env.PATH].join(delimiter),
  // Checkouts in different folders share ccache's results.
  CCACHE_BASEDIR: root,
  CCACHE_NOHASHDIR: '1',
  CCACHE_SLOPPINESS: 'pch_defines,time_macros', // it caches with precompiled headers only so
};

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 *
 * @typedef {object} Stage
 * @property {string} name        one word, also the name of its log
 * @property {string} does        what it does, with download size and usual time
 * @property {() => boolean} [done]  true if there is nothing to do
 * @property {() => Promise<Counts | void>} run
 * @property {boolean} [essential]   the stages after it cannot run when it fails (default true)
 * @property {string} [lane]  neighbouring stages of different lanes run at the same time, those of
 *   one lane in order; for stages that keep one core busy and are not essential
 */

/**
 * Prints the stages, then runs them in order.
 * @param {string} title
 * @param {Stage[]} stages
 * @returns {Promise<Counts>} the sum over all stages that count something
 */
export async function runStages(title, stages) {
  mkdirSync(logs, { recursive: true });
  const ready = stages.map((stage) => stage.done?.() ?? false);
  const width = Math.max(...stages.map((stage) => stage.name.length));
  console.log(title);
  stages.forEach((stage, i) => {
    const state = ready[i] ? 'ready' : stage.does;
    console.log(`  ${i + 1}. ${stage.name.padEnd(width)}  ${state}`);
  });

  const sum = { passed: 0, failed: 0 };
  const runOne = async (i) => {
    const stage = stages[i];
    const start = Date.now();
    console.log(`\n[${i + 1}/${stages.length}] ${stage.name}`);
    try {
      const counts = await stage.run();
      sum.passed += counts?.passed ?? 0;
      sum.failed += counts?.failed ?? 0;
      const tests = counts ? `: ${counts.passed} passed, ${counts.failed} failed` : '';
      console.log(`[${i + 1}/${stages.length}] ${stage.name} took ${seconds(start)}${tests}`);
      return true;
    } catch (error) {
      sum.failed += 1;
      console.error(`${stage.name} failed: ${error.message}`);
      return !(stage.essential ?? true);
    }
  };
  const waiting = stages.map((_, i) => i).filter((i) => !ready[i]);
  while (waiting.length > 0) {
    const next = waiting.shift();
    if (!stages[next].lane) {
      if (!(await runOne(next))) break;
      continue;
    }
    const lanes = new Map([[stages[next].lane, [next]]]);
    while (waiting.length > 0 && stages[waiting[0]].lane) {
      const i = waiting.shift();
      lanes.set(stages[i].lane, [...(lanes.get(stages[i].lane) ?? []), i]);
    }
    const run = async (lane) => {
      for (const i of lane) {
        await (lanes.size > 1 ? beside.run(stages[i].name, () => runOne(i)) : runOne(i));
      }
    };
    await Promise.all([...lanes.values()].map(run));
  }
  return sum;
}

/**
 * Runs a program. Its output goes to the log; lines that `show` accepts are printed, and on a
 * terminal the last line is always visible.
 * @param {string} log  name of the log
 * @param {string} program
 * @param {string[]} args
 * @param {{env?: Record<string, string>, cwd?: string, show?: (line: string) => boolean,
 *   inherit?: boolean}} [options]
 * @returns {Promise<number>} the exit code
 */
export function execute(log, program, args, options = {}) {
  mkdirSync(logs, { recursive: true });
  const settings = { cwd: options.cwd ?? root, env: { ...environment, ...options.env } };
  const label = beside.getStore();
  if (options.inherit && label === undefined) {
    return finished(spawn(program, args, { ...settings, stdio: 'inherit' }), program);
  }
  const child = spawn(program, args, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(join(logs, `${log}.log`));
  const report = reporter(options.show ?? (() => options.inherit === true), label);
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk) => {
      file.write(chunk);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      lines.forEach(report.line);
    });
  }
  return finished(child, program).finally(() => {
    report.end();
    return new Promise((resolve) => file.end(resolve));
  });
}

/** Like execute, but a failure prints the end of the log and throws. */
export async function must(log, program, args, options) {
  const code = await execute(log, program, args, options);
  if (code === 0) return;
  if (options?.inherit) throw new Error(`${program} exited with ${code}`);
  const path = join(logs, `${log}.log`);
  console.error(readFileSync(path, 'utf8').trimEnd().split('\n').slice(-60).join('\n'));
  throw new Error(`${program} exited with ${code}; the whole output is in ${path}`);
}

function finished(child, program) {
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        error.code === 'ENOENT' ? new Error(`Missing program ${program}. Install it.`) : error,
      ),
    );
    child.on('close', (code) => resolve(code ?? 1));
  });
}

// On a terminal the newest line replaces the one before; elsewhere one line every 20 seconds shows
// that work goes on.
function reporter(show, label) {
  const terminal = process.stdout.isTTY && label === undefined;
  const prefix = label === undefined ? '' : `${label}: `;
  const columns = (process.stdout.columns ?? 100) - 1;
  let last = Date.now();
  const clear = terminal ? '\r\x1b[K' : '';
  return {
    line(text) {
      if (show(text)) {
        console.log(clear + prefix + text);
      } else if (terminal) {
        process.stdout.write(clear + text.slice(0, columns));
      } else if (Date.now() - last > 20_000) {
        console.log(`  ... ${prefix}${text.slice(0, columns)}`);
        last = Date.now();
      }
    },
    end() {
      process.stdout.write(clear);
    },
  };
}

function seconds(start) {
  return `${((Date.now() - start) / 1000).toFixed(1)} s`;
}
