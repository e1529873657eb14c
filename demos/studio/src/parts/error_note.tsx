import { WhittleError } from 'whittle-nn';
import type { ComponentChildren } from 'preact';

/** An error where it happened: what, the code to search for, and what to do. */
export function ErrorNote({ error, children }: { error: unknown; children?: ComponentChildren }) {
  if (error === undefined || error === null) return null;
  const message = error instanceof Error ? error.message : String(error);
  const { code, hint } = error instanceof WhittleError ? error : {};
  return (
    <div class="note note-error" role="alert">
      <p>{message}</p>
      {hint && <p>{hint}</p>}
      {children}
      {code && <code class="code">{code}</code>}
    </div>
  );
}
