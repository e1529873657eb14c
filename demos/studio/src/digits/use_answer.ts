import { useEffect, useRef, useState } from 'preact/hooks';
import { createSession, type Model, type Session, type Tensor } from 'whittle-nn';
import { SIDE } from './rasterize.js';

/** What a model says about a drawing. */
export interface Answer {
  /** Ten shares that sum to 1. */
  probabilities: readonly number[];
  /** One run, measured inside the engine; undefined until the pen rests. */
  ms: number | undefined;
}

/** The pen rests this long before times are taken, so that measuring never delays an answer. */
const REST_MS = 150;
const TIMED_SAMPLES = 3;

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

const feedsOf = (pixels: Float32Array): { image: Tensor } => ({
  image: { type: 'float32', dims: [1, 1, SIDE, SIDE], data: pixels },
});

async function ask(session: Session, pixels: Float32Array): Promise<number[]> {
  const { logits } = await session.run(feedsOf(pixels));
  return softmax([...((logits?.data ?? []) as Float32Array)]);
}

async function time(session: Session, pixels: Float32Array): Promise<number> {
  return (await session.benchmark({ runs: TIMED_SAMPLES, feeds: feedsOf(pixels) })).medianMs;
}

function useSession(model: Model | undefined, onError: (error: unknown) => void) {
  const [session, setSession] = useState<Session>();
  useEffect(() => {
    if (!model) return;
    const made = createSession(model);
    made.then(setSession, onError);
    return () => {
      setSession(undefined);
      void made.then((old) => old.dispose()).catch(() => {});
    };
  }, [model]);
  return session;
}

/** A model's answer to the latest drawing; drawings that come while it thinks are skipped. */
export function useAnswer(model: Model | undefined, pixels: Float32Array | undefined) {
  const [answer, setAnswer] = useState<Answer>();
  const [error, setError] = useState<unknown>();
  const session = useSession(model, setError);
  const wanted = useRef<Float32Array>();
  const busy = useRef(false);

  useEffect(() => {
    wanted.current = pixels;
    if (!session || !pixels) {
      setAnswer(undefined);
      return;
    }
    const answerLatest = async (): Promise<void> => {
      if (busy.current) return;
      busy.current = true;
      try {
        for (let asked; asked !== wanted.current && wanted.current;) {
          asked = wanted.current;
          const probabilities = await ask(session, asked);
          // The drawing may have been cleared meanwhile.
          if (wanted.current) setAnswer((before) => ({ probabilities, ms: before?.ms }));
        }
      } finally {
        busy.current = false;
      }
    };
    // A session that was disposed of while it answered belongs to a model that is gone.
    answerLatest().catch(() => {});
    const timer = setTimeout(() => {
      time(session, pixels).then(
        (ms) => setAnswer((before) => before && { ...before, ms }),
        () => {},
      );
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [session, pixels]);

  return { answer, error };
}
