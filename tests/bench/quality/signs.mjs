/** Lines of text to draw onto photographs, for text detectors: photographs alone hold hardly any. */

const WORDS =
  'open exit market street coffee number seven hotel please danger welcome station museum taxi river north 1984 2026 sale library water'.split(
    ' ',
  );
const FAMILIES = ['DejaVu Sans', 'DejaVu Serif', 'Liberation Sans'];
const LINES = 4;

/** Numbers in [0, 1), the same for the same seed (a linear congruential generator). */
function randomFrom(seed) {
  let state = (Math.imul(seed, 2654435761) + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An SVG picture of `width` x `height` pixels: words of 5 to 12 % of the height, edged in a colour
 * far from their own. */
export function signsFor(width, height, seed) {
  const random = randomFrom(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const lines = Array.from({ length: LINES }, (_, line) => {
    const size = Math.round(height * (0.05 + 0.07 * random()));
    const words = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(WORDS)).join(' ');
    const [x, y] = [
      Math.round(random() * width * 0.5),
      Math.round(((line + 0.7) / LINES) * height),
    ];
    const [hue, light] = [Math.floor(random() * 360), random() < 0.5 ? 15 : 92];
    const colour = (lightness) => `hsl(${hue},40%,${lightness}%)`;
    const text = random() < 0.5 ? words.toUpperCase() : words;
    return `<text x="${x}" y="${y}" font-size="${size}" font-family="${pick(FAMILIES)}" fill="${colour(light)}" stroke="${colour(107 - light)}" stroke-width="${size / 30}">${text}</text>`;
  });
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${lines.join('')}</svg>`,
  );
}
