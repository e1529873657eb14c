// Writes small ONNX files for tests, by hand: https://protobuf.dev/programming-guides/encoding.

type Part = Uint8Array;

const join = (parts: readonly Part[]): Part => Uint8Array.from(parts.flatMap((part) => [...part]));

function varint(value: number): Part {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

const number = (field: number, value: number): Part => join([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Part): Part =>
  join([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string): Part => bytes(field, new TextEncoder().encode(value));

export interface TestNode {
  op: string;
  name: string;
  inputs: readonly string[];
  /** One output, named "<name>_out". */
}

/** A float32 value of the model's border; a dimension of -1 is the batch. */
export interface TestValue {
  name: string;
  dims: readonly number[];
}

export interface TestConstant extends TestValue {
  data: Float32Array;
  /** The file that holds the data from its start, in place of the model. */
  location?: string;
}

function valueInfo({ name, dims }: TestValue): Part {
  const shape = dims.map((dim) => bytes(1, dim < 0 ? text(2, 'batch') : number(1, dim)));
  const tensor = join([number(1, 1), bytes(2, join(shape))]);
  return join([text(1, name), bytes(2, bytes(1, tensor))]);
}

const constant = ({ name, dims, data, location }: TestConstant): Part =>
  join([
    ...dims.map((dim) => number(1, dim)),
    number(2, 1),
    text(8, name),
    ...(location === undefined
      ? [bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]
      : [bytes(13, join([text(1, 'location'), text(2, location)])), number(14, 1)]),
  ]);

const node = ({ op, name, inputs }: TestNode): Part =>
  join([
    ...inputs.map((input) => text(1, input)),
    text(2, `${name}_out`),
    text(3, name),
    text(4, op),
  ]);

/** A model of opset 17. */
export function onnxModel(
  input: TestValue,
  nodes: readonly TestNode[],
  constants: readonly TestConstant[],
  output: TestValue,
): Uint8Array {
  const graph = join([
    ...nodes.map((each) => bytes(1, node(each))),
    text(2, 'test'),
    ...constants.map((each) => bytes(5, constant(each))),
    bytes(11, valueInfo(input)),
    bytes(12, valueInfo(output)),
  ]);
  return join([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))]);
}
