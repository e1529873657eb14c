/** The hand: from a template to the curves one writer would draw, no two alike. */

import type { Random } from './random.js';
import { cosineOfTurns, sineOfTurns } from './sine.js';
import { kTemplates, type Knot, type Template } from './templates.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A stroke as short straight pieces. */
export type Polyline = readonly Point[];

const kPiecesPerKnot = 6;

/** The strokes of one written digit, in units of its height before slant and rotation. */
export function writeDigit(label: number, random: Random): Polyline[] {
  const chosen = pickTemplate(kTemplates[label] as readonly Template[], random);
  const unsteadiness = random.range(0.006, 0.052);
  const strokes = chosen.strokes.map((stroke) =>
    flatten(
      stroke.map((knot) => ({
        x: random.bell(knot.x, unsteadiness),
        y: random.bell(knot.y, unsteadiness),
        corner: knot.corner,
      })),
    ),
  );
  const place = distortion(label, random);
  return strokes.map((stroke) => stroke.map(place));
}

function pickTemplate(templates: readonly Template[], random: Random): Template {
  const total = templates.reduce((sum, each) => sum + each.weight, 0);
  let left = random.range(0, total);
  for (const each of templates) {
    left -= each.weight;
    if (left < 0) return each;
  }
  return templates[templates.length - 1] as Template;
}

/** The curve through the knots: Catmull-Rom between corners, straight where there are only two. */
function flatten(knots: readonly Knot[]): Point[] {
  const points: Point[] = [];
  let start = 0;
  for (let end = 1; end < knots.length; ++end) {
    if (!(knots[end] as Knot).corner && end !== knots.length - 1) continue;
    points.push(...spline(knots.slice(start, end + 1)));
    start = end;
  }
  return points;
}

function spline(knots: readonly Knot[]): Point[] {
  const last = knots.length - 1;
  const knot = (i: number): Knot => knots[i < 0 ? 0 : i > last ? last : i] as Knot;
  const points: Point[] = [knot(0)];
  for (let i = 0; i < last; ++i) {
    const [a, b, c, d] = [knot(i - 1), knot(i), knot(i + 1), knot(i + 2)];
    for (let piece = 1; piece <= kPiecesPerKnot; ++piece) {
      const t = piece / kPiecesPerKnot;
      points.push({ x: catmullRom(a.x, b.x, c.x, d.x, t), y: catmullRom(a.y, b.y, c.y, d.y, t) });
    }
  }
  return points;
}

/** The uniform Catmull-Rom cubic from b (t = 0) to c (t = 1). */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  const slope = c - a;
  const square = 2 * a - 5 * b + 4 * c - d;
  const cube = 3 * (b - c) + d - a;
  return b + 0.5 * t * (slope + t * (square + t * cube));
}

/** Proportions, waves, slant and rotation of one writing, as a map of the plane. */
function distortion(label: number, random: Random): (p: Point) => Point {
  const width = random.chance(0.2) ? random.range(1, 1.8) : random.range(0.7, 1.25);
  // How much wider the foot is than the head, and how far the waist is pushed down.
  const spread = random.bell(0, 0.18);
  const waist = random.bell(0, 0.14);
  const waveX = wave(random);
  const waveY = wave(random);
  // People lean to the right, and lean a bare stroke furthest.
  const slant = label === 1 ? random.bell(0.22, 0.3) : random.bell(0.14, 0.2);
  const turns = random.bell(0, 0.028);
  const [cosine, sine] = [cosineOfTurns(turns), sineOfTurns(turns)];
  return (p) => {
    const y = p.y + waist * p.y * (1 - p.y) + waveY(p.x);
    const x = p.x * width * (1 + spread * (p.y - 0.5)) + waveX(p.y) + slant * (0.5 - y);
    return { x: cosine * x - sine * y, y: sine * x + cosine * y };
  };
}

/** A slow sideways wave: the displacement at a position. */
function wave(random: Random): (position: number) => number {
  const height = random.range(0, 0.075);
  const frequency = random.range(0.4, 1.3);
  const phase = random.range(0, 1);
  return (position) => height * sineOfTurns(frequency * position + phase);
}
