import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { arrays, compress, createSession, loadModel, type Recipe, type Tensors } from 'whittle-nn';
import { asset, root, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { onnxModel } from './support/onnx.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';

interface Kernel {
  op: string;
  /** Element types of its inputs and outputs. */
  inputs: string[];
  outputs: string[];
}

interface ProfileEvent {
  cat: string;
  args: { op_name?: string; input_type_shape?: object[]; output_type_shape?: object[] };
}

const typesOf = (list: object[] = []): string[] => list.flatMap((each) => Object.keys(each));

/** The kernels onnxruntime-web runs a model with, in order. */
function peerKernels(bytes: Uint8Array, feeds: Tensors): Kernel[] {
  const folder = mkdtempSync(join(tmpdir(), 'whittle-'));
  try {
    const [model, data] = [join(folder, 'model.onnx'), join(folder, 'feeds.json')];
    writeFileSync(model, bytes);
    const plain = Object.entries(feeds).map(([name, { dims, data: values }]) => [
      name,
      { dims, data: Array.from(values as Float32Array) },
    ]);
    writeFileSync(data, JSON.stringify(Object.fromEntries(plain)));
    const script = join(root, 'tests/web/support/peer_kernels.ts');
    const printed = execFileSync('node', ['--import', 'tsx', script, model, data], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return (JSON.parse(printed) as ProfileEvent[])
      .filter(({ cat, args }) => cat === 'Node' && args.op_name !== undefined)
      .map(({ args }) => ({
        op: args.op_name ?? '',
        inputs: typesOf(args.input_type_shape),
        outputs: typesOf(args.output_type_shape),
      }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What lies between the first and the last that `is` accepts. */
function between<T>(list: readonly T[], is: (item: T) => boolean): T[] {
  const places = list.flatMap((item, i) => (is(item) ? [i] : []));
  return list.slice(places[0], places.at(-1));
}

const isFloatKernel = ({ op, inputs, outputs }: Kernel): boolean =>
  !op.startsWith('QLinear') && op !== 'QGemm' && [inputs[0], outputs[0]].includes('float');

/** What heads with outputs of their own do in float while other branches are still integer. */
const kHeads = ['DequantizeLinear', 'Sigmoid', 'Reshape', 'Transpose', 'Flatten', 'Split'];

interface Network {
  name: string;
  target: 'ort-web' | 'whittle';
  /** Operators that may be float between integer convolutions. */
  allowed: readonly string[];
}

const kNetworks: readonly Network[] = [
  { name: 'mobilenetv2', target: 'ort-web', allowed: [] },
  { name: 'squeezenet1.1', target: 'ort-web', allowed: [] },
  // Strided slices and pads; with float biases, which onnxruntime rounds when it loads them.
  { name: 'resnet20_cifar10', target: 'whittle', allowed: [] },
  // shufflenet's splits and shuffles, LeakyRelu, heads
  { name: 'nanodet_m', target: 'ort-web', allowed: kHeads },
  // HardSwish and HardSigmoid; at its end transposed convolutions, the bias of the first an Add that
  // keeps a normalization from being folded.
  { name: 'ppocrv3_text_det_en', target: 'ort-web', allowed: ['BatchNormalization', 'Relu'] },
  { name: 'yunet_n_dynamic', target: 'ort-web', allowed: kHeads },
];

describe(
  'no float operator is left between integer convolutions',
  { skip: skipWithoutAssets },
  () => {
    for (const { name, target, allowed } of kNetworks) {
      it(name, async () => {
        const file = asset(`models/${name}.onnx`);
        const model = await loadModel(file);
        const sample = (seed: number): { feeds: Tensors } => ({
          feeds: feedsFor(file, model.inputs, seed),
        });
        const { feeds } = sample(3);
        const recipe = {
          whittle: 1,
          target,
          steps: [{ technique: 'quantize-static', keep: true }],
        } as Recipe;
        const { model: small } = await compress(model, recipe, {
          calibration: [1, 2].map(sample),
        });
        try {
          const kernels = peerKernels(await small.toBytes(), feeds);
          const isConvolution = ({ op }: Kernel): boolean => op === 'QLinearConv';
          assert.ok(kernels.some(isConvolution));
          // Our own form of the last sums has float results.
          const floats = kernels.filter(({ op }) => op === 'Conv' || op === 'FusedConv');
          if (target === 'ort-web') assert.deepEqual(floats, []);
          const theirs = between(kernels, isConvolution).filter(isFloatKernel);
          assert.deepEqual(
            theirs.map(({ op }) => op).filter((op) => !allowed.includes(op)),
            [],
          );

          const session = await createSession(small, { profile: true });
          await session.run(feeds);
          const steps = await session.profile();
          const ours = between(steps, ({ kernel }) => kernel.startsWith('q8_'));
          assert.deepEqual(
            ours
              .filter(({ kernel }) => kernel.startsWith('f32_') || kernel === 'reference')
              .map(({ op }) => op)
              .filter((op) => !allowed.includes(op)),
            [],
          );
          await session.dispose();
        } finally {
          small.dispose();
          model.dispose();
        }
      });
    }
  },
);

describe('a quantized ConvTranspose', () => {
  /** Evenly spread from -1 to 1, in an order without pattern. */
  const spread = (count: number, step: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => (2 * ((i * step) % count)) / count - 1);

  it('is integer here, and the same in onnxruntime', async () => {
    const source = onnxModel(
      { name: 'x', dims: [-1, 4, 6, 6] },
      [
        { op: 'ConvTranspose', name: 'up', inputs: ['x', 'w1'] },
        { op: 'Relu', name: 'relu', inputs: ['up_out'] },
        { op: 'Conv', name: 'out', inputs: ['relu_out', 'w2'] },
      ],
      [
        { name: 'w1', dims: [4, 8, 3, 3], data: spread(288, 91) },
        { name: 'w2', dims: [5, 8, 1, 1], data: spread(40, 23) },
      ],
      { name: 'out_out', dims: [-1, 5, 8, 8] },
    );
    const x = { type: 'float32', dims: [3, 4, 6, 6], data: spread(432, 97) } as const;
    const model = await loadModel(source);
    for (const target of ['whittle', 'ort-web'] as const) {
      const recipe: Recipe = {
        whittle: 1,
        target,
        steps: [{ technique: 'quantize-static', keep: true } as Recipe['steps'][number]],
      };
      const { model: small } = await compress(model, recipe, { calibration: arrays({ x }) });
      const session = await createSession(small, { profile: true });
      const ours = (await session.run({ x }))['out_out'];
      const kernels = (await session.profile()).map(({ kernel }) => kernel);
      assert.ok(kernels.includes('q8_subpixel_conv'), kernels.join(' '));
      const theirs = (await peerRun(await peerSession(await small.toBytes()), { x }))['out_out'];
      assert.ok(ours && theirs);
      // A value on the border of two steps may fall to either side.
      assert.ok(relativeError(ours, theirs) < 0.02, target);
      await session.dispose();
      small.dispose();
    }
    model.dispose();
  });
});
