import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Long, Progress } from 'whittle-nn';
import { sortFiles, type Dropped } from './files.js';
import { openBuiltIn, openDropped, type Opened } from './opened.js';

export interface ModelState {
  opened: Opened | undefined;
  loading: Progress | undefined;
  error: unknown;
  drop(files: File[]): void;
  useBuiltIn(): void;
}

/** The one model the page works on. A new one replaces it only when it could be loaded. */
export function useModel(): ModelState {
  const [opened, setOpened] = useState<Opened>();
  const [loading, setLoading] = useState<Progress>();
  const [error, setError] = useState<unknown>();
  const dropped = useRef<Dropped>();
  const running = useRef<AbortController>();
  const current = useRef<Opened>();

  const open = useCallback(async (load: (o: Long) => Promise<Opened>) => {
    running.current?.abort();
    const controller = (running.current = new AbortController());
    const { signal } = controller;
    setError(undefined);
    setLoading({ stage: 'load', done: 0 });
    try {
      const next = await load({ signal, onProgress: setLoading });
      if (signal.aborted) return next.model.dispose();
      current.current?.model.dispose();
      current.current = next;
      setOpened(next);
    } catch (reason) {
      if (!signal.aborted) setError(reason);
    } finally {
      if (!signal.aborted) setLoading(undefined);
    }
  }, []);

  useEffect(() => () => current.current?.model.dispose(), []);

  return {
    opened,
    loading,
    error,
    drop: (files) => {
      const next = (dropped.current = sortFiles(files, dropped.current));
      void open((o) => openDropped(next, o));
    },
    useBuiltIn: () => {
      dropped.current = undefined;
      void open(openBuiltIn);
    },
  };
}
