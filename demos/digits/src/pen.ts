/** The pen and the paper: from curves to 28 x 28 grey pixels, white on black as in MNIST. */

import type { Point, Polyline } from './hand.js';
import type { Random } from './random.js';
import { sineOfTurns } from './sine.js';

/** Pixels on a side. */
export const kSide = 28;

/**
 * Draws the strokes.
 *
 * As in MNIST, the digit's centre of mass lies in the middle of the image, here give or take two
 * pixels; its longer side is mostly 17 to 23 pixels (20 in MNIST). Returns [kSide * kSide] values
 * in rows from the top, each a whole number of 255ths in [0, 1].
 */
export function drawStrokes(strokes: readonly Polyline[], random: Random): Float32Array {
  const image = new Float64Array(kSide * kSide);
  const placed = place(strokes, random);
  const radius = random.range(0.75, 1.25) + random.range(0, 0.75);
  const softness = random.range(0.9, 1.6);
  const pressure = { depth: random.range(0, 0.25), phase: random.range(0, 1) };
  for (const stroke of placed) {
    for (let i = 1; i < stroke.length; ++i) {
      const push = 1 - pressure.depth * (0.5 + 0.5 * sineOfTurns(pressure.phase + i * 0.03));
      drawPiece(image, stroke[i - 1] as Point, stroke[i] as Point, radius * push, softness, push);
    }
  }
  blur(image, random.range(0, 0.6));
  return develop(image, random);
}

/** Scales and moves the strokes into the image; a pixel's centre is at a whole number plus 1/2. */
function place(strokes: readonly Polyline[], random: Random): Polyline[] {
  const points = strokes.flat();
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const p of points) {
    left = Math.min(left, p.x);
    right = Math.max(right, p.x);
    top = Math.min(top, p.y);
    bottom = Math.max(bottom, p.y);
  }
  const scale = random.range(14.5, 20) / Math.max(right - left, bottom - top);
  const centre = centreOfMass(strokes);
  const middleX = kSide / 2 + random.bell(0, 0.9);
  const middleY = kSide / 2 + random.bell(0, 0.9);
  return strokes.map((stroke) =>
    stroke.map((p) => ({
      x: middleX + (p.x - centre.x) * scale,
      y: middleY + (p.y - centre.y) * scale,
    })),
  );
}

/** The middle of the ink, every piece weighed by its length. */
function centreOfMass(strokes: readonly Polyline[]): Point {
  let [x, y, total] = [0, 0, 0];
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; ++i) {
      const [a, b] = [stroke[i - 1] as Point, stroke[i] as Point];
      const length = Math.sqrt((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y));
      x += (length * (a.x + b.x)) / 2;
      y += (length * (a.y + b.y)) / 2;
      total += length;
    }
  }
  return { x: x / total, y: y / total };
}

/**
 * Inks the pixels near the piece from a to b: full within `radius` less half of `softness`, falling
 * to nothing over `softness` pixels. Overlapping ink keeps the darker of the two.
 */
function drawPiece(
  image: Float64Array,
  a: Point,
  b: Point,
  radius: number,
  softness: number,
  ink: number,
): void {
  const reach = radius + softness / 2;
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const lengthSquared = dx * dx + dy * dy;
  const firstRow = Math.max(0, Math.floor(Math.min(a.y, b.y) - reach));
  const lastRow = Math.min(kSide - 1, Math.floor(Math.max(a.y, b.y) + reach));
  const firstColumn = Math.max(0, Math.floor(Math.min(a.x, b.x) - reach));
  const lastColumn = Math.min(kSide - 1, Math.floor(Math.max(a.x, b.x) + reach));
  for (let row = firstRow; row <= lastRow; ++row) {
    for (let column = firstColumn; column <= lastColumn; ++column) {
      const [px, py] = [column + 0.5 - a.x, row + 0.5 - a.y];
      const along = lengthSquared > 0 ? clamp((px * dx + py * dy) / lengthSquared) : 0;
      const [ex, ey] = [px - along * dx, py - along * dy];
      const distance = Math.sqrt(ex * ex + ey * ey);
      const value = ink * clamp((reach - distance) / softness);
      const at = row * kSide + column;
      if (value > (image[at] as number)) image[at] = value;
    }
  }
}

/** Mixes in, by `amount` in [0, 1], the image smoothed with [1 2 1] / 4 both ways. */
function blur(image: Float64Array, amount: number): void {
  const source = image.slice();
  const at = (row: number, column: number): number =>
    row < 0 || column < 0 || row >= kSide || column >= kSide
      ? 0
      : (source[row * kSide + column] as number);
  const across = (row: number, column: number): number =>
    (at(row, column - 1) + 2 * at(row, column) + at(row, column + 1)) / 4;
  for (let row = 0; row < kSide; ++row) {
    for (let column = 0; column < kSide; ++column) {
      const smooth =
        (across(row - 1, column) + 2 * across(row, column) + across(row + 1, column)) / 4;
      const sharp = at(row, column);
      image[row * kSide + column] = sharp + amount * (smooth - sharp);
    }
  }
}

/** Ink strength and grain; half of the images have clean paper, as all of MNIST has. */
function develop(image: Float64Array, random: Random): Float32Array {
  const strength = random.chance(0.5) ? random.range(1, 1.2) : random.range(0.6, 1);
  const grain = random.chance(0.5) ? random.range(0, 0.12) : 0;
  return Float32Array.from(image, (value) => {
    const noisy = grain > 0 ? random.bell(value * strength, grain) : value * strength;
    return Math.floor(clamp(noisy) * 255 + 0.5) / 255;
  });
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
