import { unzipSync } from 'fflate';

import { WhittleError } from '../../errors.js';
import type { DType, Tensor, TypedArray } from '../../types.js';

type ArrayClass = new (buffer: ArrayBuffer) => TypedArray;

/** NumPy's type codes (little endian or single byte). */
const TYPES: Readonly<Record<string, [DType, ArrayClass]>> = {
  '<f4': ['float32', Float32Array],
  '<f8': ['float64', Float64Array],
  '<f2': ['float16', Uint16Array],
  '|i1': ['int8', Int8Array],
  '<i2': ['int16', Int16Array],
  '<i4': ['int32', Int32Array],
  '<i8': ['int64', BigInt64Array],
  '|u1': ['uint8', Uint8Array],
  '<u2': ['uint16', Uint16Array],
  '<u4': ['uint32', Uint32Array],
  '<u8': ['uint64', BigUint64Array],
  '|b1': ['bool', Uint8Array],
};

const fail = (name: string, why: string): WhittleError =>
  new WhittleError('INVALID_DATA', `Expected a NumPy array for ${name} but ${why}`, {
    where: name,
  });

/** Reads a .npy file (NEP 1, versions 1 to 3), C order. Throws INVALID_DATA naming `name`. */
export function readNpy(bytes: Uint8Array, name: string): Tensor {
  const magic = '\x93NUMPY';
  if (bytes.length < 10 || [...magic].some((c, i) => bytes[i] !== c.charCodeAt(0)))
    throw fail(name, 'received other bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (bytes[6] ?? 1) >= 2;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + length));
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '';
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const type = TYPES[descr];
  if (!type || shape === undefined)
    throw fail(name, `its element type ${descr || 'is not stated'} is not supported`);
  if (/'fortran_order':\s*True/.test(header))
    throw fail(name, 'it is stored column by column; save it with order="C"');
  const dims = shape
    .split(',')
    .map((d) => d.trim())
    .filter((d) => d !== '')
    .map(Number);
  const [dtype, ArrayType] = type;
  const body = bytes.slice(start + length);
  const data = new ArrayType(
    body.buffer.slice(0, body.byteLength - (body.byteLength % widthOf(ArrayType))),
  );
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (data.length < count) throw fail(name, `it has ${data.length} of ${count} elements`);
  return { type: dtype, dims, data: data.slice(0, count) };
}

const widthOf = (type: ArrayClass): number =>
  (type as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;

/** Reads the arrays of a .npz file by their names. */
export function readNpz(bytes: Uint8Array, name: string): Record<string, Tensor> {
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes);
  } catch (cause) {
    throw new WhittleError(
      'INVALID_DATA',
      `Expected a .npz archive for ${name} but it could not be unpacked`,
      { where: name, cause },
    );
  }
  return Object.fromEntries(
    Object.entries(files).map(([file, content]) => [
      file.replace(/\.npy$/, ''),
      readNpy(content, `${name}:${file}`),
    ]),
  );
}

/** A tensor as a .npy file. */
export function writeNpy(tensor: Tensor): Uint8Array {
  const code = Object.entries(TYPES).find(([, [dtype]]) => dtype === tensor.type)?.[0];
  if (!code || tensor.type === 'string')
    throw fail('output', `type ${tensor.type} has no NumPy form`);
  const shape = tensor.dims.length === 1 ? `${tensor.dims[0]},` : tensor.dims.join(', ');
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n';
  const head = new Uint8Array(10);
  head.set([0x93, ...'NUMPY'].map((c) => (typeof c === 'number' ? c : c.charCodeAt(0))));
  head[6] = 1;
  new DataView(head.buffer).setUint16(8, padded.length, true);
  const data = tensor.data as TypedArray;
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), body]);
}
