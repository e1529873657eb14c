/** From strokes on the pad to what the model was trained on: 28 x 28, white on black, in the middle. */

export interface Point {
  x: number;
  y: number;
}
export type Stroke = readonly Point[];

/** Pixels on a side. */
export const SIDE = 28;
/** The longer side of the drawing, between the ends of the pen's middle line, as in the training data. */
const LONG_SIDE = 17.5;
/** A drawing smaller than this share of the pad is not blown up: a dot stays a dot. */
const LEAST_EXTENT = 0.15;
const PEN_WIDTH = 3.2;

function extent(points: Stroke): number {
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  return Math.max(
    Math.max(...xs) - Math.min(...xs),
    Math.max(...ys) - Math.min(...ys),
    LEAST_EXTENT,
  );
}

/** The middle of the ink: every piece weighed by its length. */
function centreOfMass(strokes: readonly Stroke[]): Point {
  let [x, y, total] = [0, 0, 0];
  for (const stroke of strokes) {
    for (const [index, b] of stroke.entries()) {
      const a = stroke[index - 1] ?? b;
      // A single point has no length but leaves ink all the same.
      const length = Math.hypot(b.x - a.x, b.y - a.y) + 1e-6;
      x += (length * (a.x + b.x)) / 2;
      y += (length * (a.y + b.y)) / 2;
      total += length;
    }
  }
  return { x: x / total, y: y / total };
}

function trace(context: OffscreenCanvasRenderingContext2D, stroke: Stroke): void {
  context.beginPath();
  for (const { x, y } of stroke) context.lineTo(x, y);
  const [first] = stroke;
  // A line to where it began makes a dot of a single point.
  if (first && stroke.length === 1) context.lineTo(first.x, first.y);
  context.stroke();
}

/** Values 0 to 1 in rows from the top; strokes are in shares of the pad's side. */
export function rasterize(strokes: readonly Stroke[]): Float32Array {
  const pixels = new Float32Array(SIDE * SIDE);
  const points = strokes.flat();
  if (points.length === 0) return pixels;
  const scale = LONG_SIDE / extent(points);
  const middle = centreOfMass(strokes);
  const context = new OffscreenCanvas(SIDE, SIDE).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('the browser has no 2d canvas');
  context.strokeStyle = '#fff';
  context.lineWidth = PEN_WIDTH;
  context.lineCap = context.lineJoin = 'round';
  for (const stroke of strokes) {
    trace(
      context,
      stroke.map(({ x, y }) => ({
        x: SIDE / 2 + (x - middle.x) * scale,
        y: SIDE / 2 + (y - middle.y) * scale,
      })),
    );
  }
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  // White on nothing: the ink is in the alpha channel.
  return pixels.map((_, index) => (data[index * 4 + 3] ?? 0) / 255);
}
