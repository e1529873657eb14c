/**
 * How people write each digit: stroke templates. A stroke is the points a smooth curve passes
 * through, "x,y" in hundredths of the digit's height, x to the right, y down; "!" after a point
 * makes it a corner. The weights say how common a form is among the templates of its digit.
 */

/** A point of a stroke; the curve has a corner there, or goes through smoothly. */
export interface Knot {
  readonly x: number;
  readonly y: number;
  readonly corner: boolean;
}

export interface Template {
  readonly weight: number;
  readonly strokes: readonly (readonly Knot[])[];
}

function template(weight: number, ...strokes: string[]): Template {
  return { weight, strokes: strokes.map(parseStroke) };
}

function parseStroke(text: string): Knot[] {
  return text.split(' ').map((word) => {
    const corner = word.endsWith('!');
    const [x, y] = (corner ? word.slice(0, -1) : word).split(',').map(Number);
    return { x: (x as number) / 100, y: (y as number) / 100, corner };
  });
}

const kZero = [
  // Oval, closed where it began.
  template(4, '46,2 26,10 12,30 8,55 16,84 38,98 60,88 74,60 71,32 60,10 44,3'),
  // Round.
  template(2, '48,3 18,14 4,48 18,86 48,98 78,84 90,50 78,14 46,3'),
  // The pen runs past the start and leaves a small tail.
  template(2, '60,8 40,2 18,18 8,50 18,85 42,98 66,82 74,48 62,14 42,6 26,16'),
  // Begun at the side, left open at the top.
  template(1, '34,6 14,24 8,60 24,94 52,94 70,66 68,28 52,6'),
  // Narrow.
  template(1, '34,2 18,22 12,55 20,88 34,98 48,84 54,50 48,18 34,3'),
];

const kOne = [
  // A plain stroke.
  template(6, '40,2 40,34 40,66 40,98'),
  // Slightly bent.
  template(2, '44,2 41,34 37,66 38,98'),
  // With a flag.
  template(3, '17,25 40,2! 40,34 40,66 40,98'),
  // With a short flag that leaves the tip in a curve.
  template(1, '26,16 34,10 42,4! 42,50 41,98'),
  // With flag and base.
  template(2, '17,22 40,3! 40,50 40,97', '14,97 40,98 66,96'),
];

const kTwo = [
  // Neck and foot meet at a corner.
  template(4, '10,25 26,6 50,5 63,22 54,48 30,76 8,95! 40,94 74,95'),
  // A loop at the foot.
  template(4, '10,22 28,5 52,6 63,26 52,54 28,84 10,94 5,82 20,76 40,86 58,95 76,86'),
  // A flat, wide loop.
  template(2, '14,16 34,3 56,10 60,32 42,62 18,88 6,90 12,80 32,82 54,94 80,92'),
  // Wavy foot.
  template(2, '12,20 34,3 58,14 56,42 34,70 10,95! 24,88 48,95 70,92'),
  // Hooked start and straight diagonal.
  template(1, '16,30 12,14 34,2 60,10 62,30 36,64 8,97! 38,96 66,97'),
];

const kThree = [
  // Two bows that meet at a corner.
  template(4, '12,14 32,3 58,12 58,34 32,47! 60,56 68,78 44,97 10,88'),
  // A small loop in the middle.
  template(2, '12,12 36,2 60,15 54,36 36,48 28,50 36,44 60,58 66,82 42,98 8,90'),
  // Flat top.
  template(2, '12,5 38,5 64,4! 48,24 32,42! 60,50 69,76 46,97 10,90'),
  // Smooth waist.
  template(2, '10,10 40,2 60,18 46,42 36,48 54,56 66,76 44,98 8,92'),
  // Large lower bow that curls in.
  template(1, '18,12 38,3 56,14 50,34 30,42! 62,46 72,76 46,98 16,92 10,80'),
];

const kFour = [
  // Open, long bar.
  template(4, '18,4 14,28 8,55! 40,54 74,51', '58,8 55,52 51,98'),
  // Open, the left part bends into the bar.
  template(3, '16,5 8,34 14,54 36,57 62,50', '63,4 60,50 55,98'),
  // Closed, drawn from the top.
  template(3, '55,3! 30,34 6,63! 40,63 76,62', '55,3 55,50 54,98'),
  // One stroke: down, across, up, and down again.
  template(3, '14,6 8,36 18,55 42,52 62,30 66,4! 61,50 57,98'),
  // Open with a straight, wide cup.
  template(1, '10,6 9,30 8,50! 36,51 64,50', '64,6 64,52 64,98'),
  // Closed in one stroke: the stem starts at the tip.
  template(1, '60,98 59,50 58,4! 34,30 10,56! 44,58 78,56'),
];

const kFive = [
  // Stem and bow, the bar afterwards.
  template(4, '20,6 18,24 15,44! 38,38 62,50 66,74 44,97 8,90', '20,6 44,5 70,3'),
  // One stroke from the tip of the bar.
  template(4, '68,4 46,5 24,7! 20,26 17,45! 42,38 65,54 62,82 38,98 8,90'),
  // Curved like an S.
  template(2, '66,6 40,5 22,12 18,32 34,44 56,56 62,76 46,95 12,92'),
  // The bar does not touch.
  template(1, '18,12 16,30 16,46! 44,42 64,60 56,88 30,98 8,90', '26,8 48,5 72,2'),
  // Small bow low down.
  template(1, '64,3 40,4 22,6! 18,32 14,56! 38,52 56,66 52,88 30,98 10,94'),
];

const kSix = [
  // Curved stem.
  template(4, '52,3 28,24 12,54 14,84 36,98 59,88 62,66 42,54 22,62 12,78'),
  // Straight stem, round loop.
  template(3, '40,2 24,32 11,62 14,88 36,98 58,86 58,64 38,54 18,66'),
  // Hooked top.
  template(1, '62,14 50,3 28,16 11,50 12,82 36,98 60,84 58,60 36,52 14,70'),
  // Large loop that closes on the stem.
  template(2, '48,4 22,30 8,64 20,94 48,96 66,76 56,52 32,50 10,68'),
  // Small loop, the pen ends inside it.
  template(1, '46,2 22,34 10,68 20,94 42,96 52,80 42,68 24,72 20,84'),
];

const kSeven = [
  // Plain.
  template(4, '8,8 38,7 69,6! 50,40 36,70 30,98'),
  // With a bar.
  template(3, '8,7 38,6 68,5! 48,46 36,72 30,98', '18,52 42,51 66,49'),
  // With a serif at the start.
  template(2, '8,24 10,6! 40,7 69,6! 52,44 44,70 40,98'),
  // Rounded shoulder.
  template(3, '6,16 20,7 44,9 66,9 64,28 48,60 38,98'),
  // Wavy top and steep stem.
  template(1, '6,10 22,5 46,12 70,5! 60,50 56,98'),
  // Rounded shoulder with a bar.
  template(1, '6,12 34,5 64,9 62,30 46,62 36,98', '22,50 44,50 66,48'),
];

const kEight = [
  // One stroke, an S that comes back and closes at the top right.
  template(5, '61,16 40,2 16,13 18,33 42,48 65,68 58,92 34,98 11,86 14,66 38,48 60,31 62,12'),
  // Two circles.
  template(
    2,
    '40,3 18,11 18,34 40,46 61,35 61,12 40,3',
    '40,46 13,60 12,86 40,98 67,86 66,60 40,46',
  ),
  // Left open at the top.
  template(2, '66,9 40,2 16,16 24,38 48,54 64,74 54,95 26,96 12,76 30,54 52,36 66,20'),
  // Begun in the middle.
  template(2, '40,47 18,30 22,8 42,2 60,14 56,36 38,48 14,68 16,92 40,98 63,88 62,66 40,47'),
  // Small head, large body.
  template(1, '54,12 40,3 26,12 28,28 46,44 68,66 60,92 34,98 8,86 12,62 36,42 52,26 54,10'),
];

const kNine = [
  // Loop and straight stem.
  template(4, '63,14 42,3 18,14 12,34 28,48 50,40 65,12! 62,54 58,98'),
  // Loop and curved tail.
  template(3, '62,12 40,3 16,15 13,36 34,48 58,34 66,10! 68,50 56,86 32,98 12,90'),
  // No corner: the loop flows into the stem.
  template(3, '62,20 46,4 22,10 10,30 24,47 48,40 62,16 58,52 46,98'),
  // Loop drawn round, stem apart.
  template(1, '40,4 16,12 12,36 36,48 58,34 58,12 40,4', '62,6 61,52 58,98'),
  // Flat loop, long slanting stem.
  template(1, '66,10 40,4 14,20 18,36 44,34 68,10! 52,54 38,98'),
];

/** kTemplates[d] are the forms of digit d. */
export const kTemplates: readonly (readonly Template[])[] = [
  kZero,
  kOne,
  kTwo,
  kThree,
  kFour,
  kFive,
  kSix,
  kSeven,
  kEight,
  kNine,
];
