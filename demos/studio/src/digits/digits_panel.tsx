import { useMemo, useState } from 'preact/hooks';
import { digit } from 'whittle-digits';
import type { Model } from 'whittle-nn';
import { Panel } from '../parts/panel.js';
import { AnswerView } from './answer_view.js';
import { Pad } from './pad.js';
import { rasterize, type Stroke } from './rasterize.js';
import { useAnswer } from './use_answer.js';

/** Images to choose from when one is to be shown; far past those that reports are made on. */
const FIRST_SHOWN = 1_000_000;
const SHOWN_IMAGES = 1_000_000;

interface DigitsPanelProps {
  original: Model;
  compressed: Model | undefined;
}

/** Draw a digit; both models answer while the pen moves. */
export function DigitsPanel({ original, compressed }: DigitsPanelProps) {
  const [strokes, setStrokes] = useState<readonly Stroke[]>([]);
  const [image, setImage] = useState<Float32Array>();
  const pixels = useMemo(
    () => image ?? (strokes.length > 0 ? rasterize(strokes) : undefined),
    [strokes, image],
  );
  const first = useAnswer(original, pixels);
  const second = useAnswer(compressed, pixels);

  const addStroke = (stroke: Stroke, isNew: boolean): void => {
    setImage(undefined);
    setStrokes((before) => [...(isNew ? before : before.slice(0, -1)), stroke]);
  };
  const clear = (): void => {
    setImage(undefined);
    setStrokes([]);
  };
  const showOne = (): void => {
    setStrokes([]);
    setImage(digit('test', FIRST_SHOWN + Math.floor(Math.random() * SHOWN_IMAGES)).pixels);
  };
  return (
    <Panel title="Draw a digit">
      <div class="digits">
        <div class="pad-box">
          <Pad strokes={strokes} image={image} onStroke={addStroke} />
          <div class="pad-buttons">
            <button type="button" onClick={showOne}>
              Show one
            </button>
            <button type="button" onClick={clear} disabled={!pixels}>
              Clear
            </button>
          </div>
        </div>
        <AnswerView title="Original" {...first} />
        <AnswerView
          title="Compressed"
          {...second}
          empty={compressed ? undefined : 'run a recipe'}
        />
      </div>
    </Panel>
  );
}
