import { parseArgs } from 'node:util';

import { WhittleError } from '../errors.js';
import { didYouMean } from '../is.js';

/** One flag: how it is typed, what it takes, what help says of it. */
export interface Flag {
  /** What stands behind it in help ("FILE"); absent for a switch. */
  value?: string;
  short?: string;
  doc: string;
}

export interface Values {
  /** The flag's text, or undefined. */
  text(name: string): string | undefined;
  /** A number; INVALID_OPTION when it is not one. */
  number(name: string): number | undefined;
  on(name: string): boolean;
}

export interface Command {
  name: string;
  summary: string;
  /** What stands behind the command in the usage line. */
  operands: string;
  flags: Readonly<Record<string, Flag>>;
  /** A line that works as it stands; a test runs it. */
  example: string;
  /** Returns the exit code. */
  run(files: readonly string[], values: Values): Promise<number>;
}

/** Flags that every command has. */
const COMMON: Readonly<Record<string, Flag>> = {
  json: { doc: 'print the result as JSON' },
  debug: { doc: 'show the stack of an error' },
  threads: { value: 'N', doc: 'threads that work on one run (default: 1, so that times compare)' },
  tier: { value: 'TIER', doc: 'relaxed, simd128 or scalar (default: the best there is)' },
  help: { short: 'h', doc: 'print this' },
};

export const flagsOf = (command: Command): Record<string, Flag> => ({
  ...command.flags,
  ...COMMON,
});

export function helpText(command: Command): string {
  const flags = Object.entries(flagsOf(command)).map(([name, flag]) => {
    const left = `  ${flag.short ? `-${flag.short}, ` : '    '}--${name}${flag.value ? ` ${flag.value}` : ''}`;
    return left.length < 32
      ? `${left.padEnd(32)}${flag.doc}`
      : `${left}\n${' '.repeat(32)}${flag.doc}`;
  });
  return [
    `whittle ${command.name} ${command.operands}`,
    '',
    command.summary,
    '',
    'Options:',
    ...flags,
    '',
    'Example:',
    `  ${command.example}`,
  ].join('\n');
}

/** Splits a command's words into files and flags. Throws INVALID_OPTION with the nearest flag. */
export function parseWords(
  command: Command,
  words: readonly string[],
): { files: string[]; values: Values } {
  const flags = flagsOf(command);
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      {
        type: flag.value ? ('string' as const) : ('boolean' as const),
        ...(flag.short ? { short: flag.short } : {}),
      },
    ]),
  );
  let parsed;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    const unknown = /'(--?[\w-]+)/.exec((error as Error).message)?.[1] ?? '';
    const known = Object.keys(flags).map((name) => `--${name}`);
    const missingValue =
      (error as { code?: string }).code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
    const message = missingValue
      ? `Expected a value behind ${unknown} but received none`
      : `Expected an option of whittle ${command.name} but received ${unknown}${didYouMean(unknown, known)}`;
    throw new WhittleError('INVALID_OPTION', message, {
      where: unknown,
      hint: `whittle ${command.name} --help lists them`,
    });
  }
  const given = parsed.values as Record<string, string | boolean | undefined>;
  const text = (name: string): string | undefined =>
    typeof given[name] === 'string' ? given[name] : undefined;
  const values: Values = {
    text,
    on: (name) => given[name] === true,
    number: (name) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = Number(value);
      if (value.trim() === '' || Number.isNaN(number)) {
        throw new WhittleError(
          'INVALID_OPTION',
          `Expected a number for --${name} but received '${value}'`,
          { where: `--${name}` },
        );
      }
      return number;
    },
  };
  return { files: parsed.positionals, values };
}

/** The one file of a command. */
export function oneFile(files: readonly string[], command: string): string {
  if (files.length !== 1 || !files[0]) {
    throw new WhittleError(
      'INVALID_OPTION',
      `Expected one model for whittle ${command} but received ${files.length}`,
      {
        where: command,
        hint: `whittle ${command} --help shows an example`,
      },
    );
  }
  return files[0];
}
