import { useEffect, useRef } from 'preact/hooks';
import { SIDE, type Point, type Stroke } from './rasterize.js';

/** The canvas has this many pixels on a side, whatever its size on the screen. */
const RESOLUTION = 560;
const PEN_WIDTH = RESOLUTION / 14;

interface PadProps {
  strokes: readonly Stroke[];
  /** Shown in place of strokes: a ready image of 28 x 28. */
  image: Float32Array | undefined;
  onStroke: (stroke: Stroke, isNew: boolean) => void;
}

function drawStrokes(context: CanvasRenderingContext2D, strokes: readonly Stroke[]): void {
  context.strokeStyle = '#fff';
  context.lineWidth = PEN_WIDTH;
  context.lineCap = context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    for (const { x, y } of stroke) context.lineTo(x * RESOLUTION, y * RESOLUTION);
    const [first] = stroke;
    if (first && stroke.length === 1) context.lineTo(first.x * RESOLUTION, first.y * RESOLUTION);
    context.stroke();
  }
}

function drawHint(context: CanvasRenderingContext2D): void {
  context.fillStyle = '#777';
  context.font = `${RESOLUTION / 18}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.fillText('draw 0 to 9 here', RESOLUTION / 2, RESOLUTION / 2);
}

function drawImage(context: CanvasRenderingContext2D, image: Float32Array): void {
  const pixel = RESOLUTION / SIDE;
  for (const [index, value] of image.entries()) {
    const grey = Math.round(value * 255);
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect((index % SIDE) * pixel, Math.floor(index / SIDE) * pixel, pixel, pixel);
  }
}

/** Paper for one digit, drawn with a finger, a pen or the mouse. */
export function Pad({ strokes, image, onStroke }: PadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stroke = useRef<Point[]>();

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    context.fillStyle = '#000';
    context.fillRect(0, 0, RESOLUTION, RESOLUTION);
    if (image) drawImage(context, image);
    else if (strokes.length > 0) drawStrokes(context, strokes);
    else drawHint(context);
  }, [strokes, image]);

  const place = (event: PointerEvent): Point => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    };
  };
  const begin = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    stroke.current = [place(event)];
    onStroke([...stroke.current], true);
  };
  const go = (event: PointerEvent): void => {
    if (!stroke.current) return;
    stroke.current.push(place(event));
    onStroke([...stroke.current], false);
  };
  const end = (): void => {
    stroke.current = undefined;
  };
  return (
    <canvas
      ref={canvas}
      class="pad"
      width={RESOLUTION}
      height={RESOLUTION}
      role="img"
      aria-label="Draw a digit here"
      onPointerDown={begin}
      onPointerMove={go}
      onPointerUp={end}
      onPointerCancel={end}
    />
  );
}
