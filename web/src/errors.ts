import type { Code } from './generated/codes.js';
import type { Report } from './generated/report.js';

export type { Code };

export interface ErrorDetails {
  where?: string | undefined;
  hint?: string | undefined;
  report?: Report | undefined;
  cause?: unknown;
}

/** Every failure a caller can do something about; `code` says which kind, `where` says the place. */
export class WhittleError extends Error {
  readonly code: Code;
  /** The node, tensor or option. */
  readonly where?: string;
  /** What to do about it, when the message does not say so. */
  readonly hint?: string;
  /** With GATE_FAILED: everything that was measured. */
  readonly report?: Report;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'WhittleError';
    this.code = code;
    if (details.where) this.where = details.where;
    if (details.hint) this.hint = details.hint;
    if (details.report) this.report = details.report;
  }
}

/** The WebAssembly module trapped. Calls that were under way are lost; the next call starts afresh. */
export class WhittleCrashError extends WhittleError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('CRASHED', `The engine stopped unexpectedly (${reason}); it restarts on the next call`, {
      cause,
    });
    this.name = 'WhittleCrashError';
  }
}

/** An error as it crosses between threads. */
export interface ErrorData {
  code: Code;
  message: string;
  where?: string;
  hint?: string;
  crash?: boolean;
}

export function toErrorData(error: unknown): ErrorData {
  if (error instanceof WhittleError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.where === undefined ? {} : { where: error.where }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  }
  return {
    code: 'CRASHED',
    message: error instanceof Error ? error.message : String(error),
    crash: true,
  };
}

export function fromErrorData(data: ErrorData): WhittleError {
  if (data.crash) return new WhittleCrashError(new Error(data.message));
  return new WhittleError(data.code, data.message, { where: data.where, hint: data.hint });
}
