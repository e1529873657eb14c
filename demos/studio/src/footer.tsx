import { useEffect, useState } from 'preact/hooks';
import { capabilities, version, type Capabilities } from 'whittle-nn';
import { ErrorNote } from './parts/error_note.js';

function engineText({ variant, threads, worker }: Capabilities): string {
  const where = worker ? 'in a worker' : 'in the page';
  return `${variant.tier}, ${threads} thread${threads === 1 ? '' : 's'}, ${where}`;
}

/** What runs here, and what fell back and why. */
export function Footer() {
  const [able, setAble] = useState<Capabilities>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    capabilities().then(setAble, setError);
  }, []);
  return (
    <footer>
      <p>
        <b>Nothing leaves your machine.</b> Whittle {version}, engine:{' '}
        <span data-testid="engine">{able ? engineText(able) : '...'}</span>
      </p>
      {able && able.fallbacks.length > 0 && (
        <ul class="muted">
          {able.fallbacks.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <ErrorNote error={error} />
    </footer>
  );
}
