import { WhittleError } from '../errors.js';

/** Message and advice on stderr; the stack only when asked for. */
export function printError(error: unknown, debug: boolean, prefix = ''): void {
  const place = prefix ? `${prefix}: ` : '';
  if (error instanceof WhittleError) {
    console.error(`whittle: ${place}${error.message} [${error.code}]`);
    if (error.hint) console.error(`  ${error.hint}`);
  } else {
    console.error(`whittle: ${place}${error instanceof Error ? error.message : String(error)}`);
    if (!debug) console.error('  --debug shows where');
  }
  if (debug && error instanceof Error) console.error(error.stack);
}

/** 2 for a missed gate, so that a script can tell it from a failure. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof WhittleError && error.code === 'GATE_FAILED' ? 2 : 1;
