// Compares values of the backend tests, with the tolerances of the native runner.

/** |actual - expected| <= absolute + relative * |expected|. */
const kClose = { absolute: 1e-5, relative: 1e-3 };
const kCloseNarrow = { absolute: 5e-3, relative: 5e-3 };

/** Small floats: bits of exponent and fraction, the exponent's bias, which codes are no numbers. */
const kFloats = {
  float16: { exponent: 5, fraction: 10, bias: 15, infinities: true },
  bfloat16: { exponent: 8, fraction: 7, bias: 127, infinities: true },
  float8e5m2: { exponent: 5, fraction: 2, bias: 15, infinities: true },
  float8e4m3fn: { exponent: 4, fraction: 3, bias: 7, isNaN: (code) => (code & 127) === 127 },
  float8e4m3fnuz: { exponent: 4, fraction: 3, bias: 8, isNaN: (code) => code === 128 },
  float8e5m2fnuz: { exponent: 5, fraction: 2, bias: 16, isNaN: (code) => code === 128 },
  float4e2m1: { exponent: 2, fraction: 1, bias: 1 },
};

function decode({ exponent, fraction, bias, infinities, isNaN }, code) {
  if (isNaN?.(code)) return NaN;
  const steps = 2 ** fraction;
  const power = (code >> fraction) & (2 ** exponent - 1);
  const rest = code & (steps - 1);
  const sign = (code >> (exponent + fraction)) & 1 ? -1 : 1;
  if (infinities && power === 2 ** exponent - 1) return rest ? NaN : sign * Infinity;
  return power
    ? sign * (1 + rest / steps) * 2 ** (power - bias)
    : sign * (rest / steps) * 2 ** (1 - bias);
}

/** Codes of 2 or 4 bits, the first in the lowest bits of a byte. */
function unpack(data, bits, count) {
  const perByte = 8 / bits;
  return Array.from(
    { length: count },
    (_, i) => (data[Math.floor(i / perByte)] >> ((i % perByte) * bits)) & (2 ** bits - 1),
  );
}

/** Elements as what is compared: numbers of floats, text of all others. */
function elements({ type, dims, data }) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (type === 'float32' || type === 'float64') return Array.from(data, Number);
  const format = kFloats[type];
  const bits = Number(/^u?int([24])$/.exec(type)?.[1] ?? (type === 'float4e2m1' ? 4 : 0));
  if (bits) {
    const codes = unpack(data, bits, count);
    return format ? codes.map((code) => decode(format, code)) : codes.map(String);
  }
  if (!format) return Array.from(data, String);
  const codes = data.BYTES_PER_ELEMENT === 2 ? new Uint16Array(data.buffer, data.byteOffset) : data;
  return Array.from(codes.subarray(0, count), (code) => decode(format, code));
}

/** Empty when both are the same, else what differs. */
export function difference(actual, expected) {
  if (expected === null || actual === null || actual === undefined)
    return (expected ?? null) === (actual ?? null) ? '' : 'one of them is nothing';
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return 'expected a sequence';
    if (actual.length !== expected.length)
      return `${actual.length} tensors, expected ${expected.length}`;
    return expected.map((item, i) => difference(actual[i], item)).find((what) => what) ?? '';
  }
  if (actual.type !== expected.type) return `type ${actual.type}, expected ${expected.type}`;
  if (actual.dims.join() !== expected.dims.join())
    return `shape [${actual.dims}], expected [${expected.dims}]`;
  const isWide = /^float(32|64)$/.test(expected.type);
  const { absolute, relative } = isWide ? kClose : kCloseNarrow;
  const [left, right] = [elements(actual), elements(expected)];
  const isSame = (x, y) =>
    x === y ||
    Object.is(x, y) ||
    (typeof y === 'number' && Math.abs(x - y) <= absolute + relative * Math.abs(y));
  const at = right.findIndex((value, i) => !isSame(left[i], value));
  return at < 0 ? '' : `element ${at} is ${left[at]}, expected ${right[at]}`;
}
