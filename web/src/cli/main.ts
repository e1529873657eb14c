#!/usr/bin/env node
import { configure } from '../config.js';
import { WhittleError } from '../errors.js';
import { version } from '../generated/version.js';
import { didYouMean } from '../is.js';
import { reportTable } from '../report/rows.js';
import { renderText } from '../report/text.js';
import type { Tier } from '../types.js';
import { helpText, parseWords, type Command, type Values } from './command.js';
import { bench } from './commands/bench.js';
import { buildRuntime } from './commands/build_runtime.js';
import { compare } from './commands/compare.js';
import { compress } from './commands/compress.js';
import { convert } from './commands/convert.js';
import { inspect } from './commands/inspect.js';
import { quick } from './commands/quick.js';
import { run } from './commands/run.js';
import { simplify } from './commands/simplify.js';
import { exitCodeOf, printError } from './errors.js';

const COMMANDS: readonly Command[] = [
  inspect,
  compress,
  simplify,
  convert,
  run,
  bench,
  compare,
  buildRuntime,
  quick,
];

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  return [
    `whittle ${version}: makes neural networks small enough to ship in a web page`,
    '',
    'whittle MODEL.onnx            inspect it, try what needs no data, say what to do next',
    ...COMMANDS.filter((command) => command !== quick).map(
      (command) => `whittle ${command.name.padEnd(width)} ...          ${command.summary}`,
    ),
    '',
    'whittle COMMAND --help shows options and an example.',
  ].join('\n');
}

/** The command and its words: a file in the command's place means "quick". */
function choose(words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [first = '', ...rest] = words;
  const command = COMMANDS.find((candidate) => candidate.name === first);
  if (command) return { command, rest };
  const names = COMMANDS.map((candidate) => candidate.name);
  if (/[./\\]/.test(first) || first.startsWith('-')) return { command: quick, rest: words };
  throw new WhittleError(
    'INVALID_OPTION',
    `Expected a model or one of ${names.join(', ')} but received '${first}'${didYouMean(first, names)}`,
    {
      where: first,
      hint: 'whittle --help shows them',
    },
  );
}

function configureEngine(values: Values): void {
  const tier = values.text('tier') as Tier | undefined;
  configure({ threads: values.number('threads') ?? 1, ...(tier ? { tier } : {}) });
}

async function main(words: readonly string[]): Promise<number> {
  if (words.length === 0 || ['--help', '-h', 'help'].includes(words[0] ?? '')) {
    console.log(overview());
    return words.length === 0 ? 1 : 0;
  }
  if (words[0] === '--version') {
    console.log(version);
    return 0;
  }
  const { command, rest } = choose(words);
  const { files, values } = parseWords(command, rest);
  if (values.on('help')) {
    console.log(helpText(command));
    return 0;
  }
  configureEngine(values);
  return command.run(files, values);
}

const words = process.argv.slice(2);
try {
  process.exitCode = await main(words);
} catch (error) {
  // A missed gate has been measured: show it before saying so.
  if (error instanceof WhittleError && error.report && !words.includes('--json')) {
    console.log(renderText(reportTable([{ name: 'compressed', report: error.report }])));
  } else if (error instanceof WhittleError && error.report) {
    console.log(JSON.stringify(error.report, null, 2));
  }
  printError(error, words.includes('--debug'));
  process.exitCode = exitCodeOf(error);
}
