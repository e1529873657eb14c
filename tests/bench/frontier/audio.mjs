/** Features of sound as the small audio networks were trained on them. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { asset, named, speech } from '../quality/data.mjs';

const RATE = 16000;

/** Magnitudes of the first size / 2 + 1 frequencies of a frame, zeros behind it: the fast transform
 * by halves (Cooley and Tukey), size a power of two. */
function magnitudes(frame, size) {
  const halves = (at, step, count) => {
    if (count === 1) return [Float64Array.of(frame[at] ?? 0), new Float64Array(1)];
    const [[evenReal, evenImaginary], [oddReal, oddImaginary]] = [
      halves(at, 2 * step, count / 2),
      halves(at + step, 2 * step, count / 2),
    ];
    const [real, imaginary] = [new Float64Array(count), new Float64Array(count)];
    for (let k = 0; k < count / 2; k++) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / count), Math.sin((-2 * Math.PI * k) / count)];
      const re = c * oddReal[k] - s * oddImaginary[k];
      const im = c * oddImaginary[k] + s * oddReal[k];
      real[k] = evenReal[k] + re;
      imaginary[k] = evenImaginary[k] + im;
      real[k + count / 2] = evenReal[k] - re;
      imaginary[k + count / 2] = evenImaginary[k] - im;
    }
    return [real, imaginary];
  };
  const [real, imaginary] = halves(0, 1, size);
  return real.subarray(0, size / 2 + 1).map((value, k) => Math.hypot(value, imaginary[k]));
}

/** Triangles of equal width in mel: [bands][size / 2 + 1]. */
function melBands(bands, size, low, high) {
  const mel = (hertz) => 1127 * Math.log(1 + hertz / 700);
  const [from, to] = [mel(low), mel(high)];
  const edge = (band) => from + ((to - from) * band) / (bands + 1);
  return Array.from({ length: bands }, (_, band) =>
    Array.from({ length: size / 2 + 1 }, (__, k) => {
      const at = k === 0 ? -Infinity : mel((k * RATE) / size);
      const rising = (at - edge(band)) / (edge(band + 1) - edge(band));
      const falling = (edge(band + 2) - at) / (edge(band + 2) - edge(band + 1));
      return Math.max(0, Math.min(rising, falling));
    }),
  );
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const hann = (length) =>
  Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));

const KEYWORD_BANDS = melBands(40, 512, 20, 4000);
const KEYWORD_WINDOW = hann(480);

/** 10 cepstral coefficients of 49 frames of 30 ms, every 20 ms (MLPerf Tiny). */
function keywordFeatures(samples) {
  const peak = samples.reduce((a, b) => Math.max(a, b), 1e-9);
  const features = new Float32Array(490);
  for (let frame = 0; frame < 49; frame++) {
    const part = KEYWORD_WINDOW.map((w, i) => (w * (samples[frame * 320 + i] ?? 0)) / peak);
    const spectrum = magnitudes(part, 512);
    const logs = KEYWORD_BANDS.map((band) => Math.log(dot(band, spectrum) + 1e-6));
    for (let c = 0; c < 10; c++) {
      const sum = logs.reduce(
        (total, value, i) => total + value * Math.cos((Math.PI * c * (i + 0.5)) / 40),
        0,
      );
      features[frame * 10 + c] = (2 * sum) / Math.sqrt(80);
    }
  }
  return features;
}

const WORDS = ['down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes'];
const UNKNOWN = 11;

/** Files of a tar archive: [name, bytes]. */
function* archived(bytes) {
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const text = (begin, end) => bytes.toString('latin1', at + begin, at + end).split('\0')[0];
    const size = parseInt(text(124, 136), 8);
    yield [text(0, 100), bytes.subarray(at + 512, at + 512 + size)];
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

const isWord = (name) => name.endsWith('.wav') && !name.includes('_background');

/** Spoken words: of every five of a word the first three calibrate, two test. */
export function keywords(which) {
  const bytes = gunzipSync(readFileSync(asset('datasets', 'speech_commands_sample.tar.gz')));
  const files = [...archived(bytes)].filter(([name]) => isWord(name));
  files.sort(([a], [b]) => (a < b ? -1 : 1));
  const chosen = files.filter((_, i) => i % 5 < 3 === (which === 'calibration'));
  const labels = chosen.map(([name]) => {
    const word = WORDS.indexOf(name.split('/').at(-2));
    return word < 0 ? UNKNOWN : word;
  });
  const samples = chosen.map(([, wav]) => {
    const start = wav.indexOf('data') + 8;
    const sound = Float32Array.from({ length: (wav.length - start) >> 1 }, (_, i) =>
      wav.readInt16LE(start + 2 * i),
    );
    const data = keywordFeatures(sound);
    return { feeds: { input: { type: 'float32', dims: [1, 1, 49, 10], data } } };
  });
  const data = named(`keywords-${which}`, async function* () {
    yield* samples;
  });
  return { data, labels };
}

const MACHINE_BANDS = melBands(128, 1024, 0, 8000);

/** Log-mel spectra, five frames of 128 bands a sample, of one half of the minute of speech. */
export function spectra(which, input) {
  const window = hann(1024);
  const sound = speech();
  const half = sound.length >> 1;
  const part = which === 'calibration' ? sound.subarray(0, half) : sound.subarray(half);
  const samples = [];
  let frames = [];
  for (let start = 0; start + 1024 <= part.length; start += 512) {
    const spectrum = magnitudes(
      window.map((w, i) => w * part[start + i]),
      1024,
    );
    const power = spectrum.map((value) => value * value);
    frames.push(...MACHINE_BANDS.map((band) => 10 * Math.log10(dot(band, power) + 1e-10)));
    if (frames.length < 640) continue;
    const data = Float32Array.from(frames);
    samples.push({ feeds: { [input]: { type: 'float32', dims: [1, 640], data } } });
    frames = [];
  }
  return named(`spectra-${which}`, async function* () {
    yield* samples;
  });
}
