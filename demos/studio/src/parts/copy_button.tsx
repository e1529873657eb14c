import { useEffect, useState } from 'preact/hooks';

const SAID_MS = 1500;

/** Copies text and says so. */
export function CopyButton({ text }: { text: string }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void =>
    void navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('Not allowed'),
    );
  return (
    <button type="button" class="quiet copy" onClick={copy} aria-live="polite">
      {said || 'Copy'}
    </button>
  );
}
