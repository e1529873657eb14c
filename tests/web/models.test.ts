import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import {
  compress,
  createSession,
  loadModel,
  synthetic,
  type Recipe,
  type Tensors,
} from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

/** Models that onnxruntime-web does not load, or whose outputs are discrete picks among near ties. */
const kNoPeer = new Set(['mnist_cntk.onnx']);

const filesOf = (folder: string): string[] =>
  skipWithoutAssets
    ? []
    : readdirSync(asset(folder))
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => asset(`${folder}/${name}`));

describe('real models run as in onnxruntime', { skip: skipWithoutAssets }, () => {
  for (const file of filesOf('models')) {
    it(basename(file), async () => {
      const model = await loadModel(file);
      try {
        const session = await createSession(model);
        const peer = kNoPeer.has(basename(file))
          ? undefined
          : await peerSession(readFileSync(file));
        for (const seed of [1, 2]) {
          const feeds = feedsFor(file, model.inputs, seed);
          const ours = await session.run(feeds);
          if (!peer) continue;
          const theirs = await peerRun(peer, feeds);
          for (const [name, expected] of Object.entries(theirs)) {
            const error = relativeError(ours[name]!, expected);
            assert.ok(error < kFloatPeer, `${name}: ${error}`);
          }
        }
        await session.dispose();
      } finally {
        model.dispose();
      }
    });
  }
});

/** A model of each kind: classifier, detector with several outputs, recurrent with state, image to image. */
const kKinds = [
  'resnet20_cifar10',
  'ultraface_rfb_320',
  'silero_vad_16k',
  'dtln_1',
  'super_resolution_10',
  'tiny_random_bert',
];
const kTechniques = ['fp16', 'quantize-weights', 'quantize-dynamic', 'quantize-static', 'svd'];

describe(
  'what the techniques write runs in onnxruntime and agrees',
  { skip: skipWithoutAssets },
  () => {
    for (const kind of kKinds) {
      for (const technique of kTechniques) {
        it(`${kind}: ${technique}`, async () => {
          const file = asset(`models/${kind}.onnx`);
          const model = await loadModel(file);
          const sample = (seed: number): { feeds: Tensors } => ({
            feeds: feedsFor(file, model.inputs, seed),
          });
          const calibration = [1, 2, 3].map(sample);
          const recipe = { whittle: 1, steps: [{ technique, keep: true }] } as unknown as Recipe;
          const { model: small, report } = await compress(model, recipe, { calibration });
          try {
            const peer = await peerSession(await small.toBytes());
            const session = await createSession(small);
            const { feeds } = sample(9);
            const [ours, theirs] = [await session.run(feeds), await peerRun(peer, feeds)];
            for (const [name, expected] of Object.entries(theirs)) {
              // Integer rounding may fall the other way once; a step of 1/255 of the range is allowed.
              const integer = technique === 'quantize-static' || technique === 'quantize-dynamic';
              const bound = integer ? kIntegerPeer : kFloatPeer;
              const error = relativeError(ours[name]!, expected);
              assert.ok(error < bound, `${name}: ${error}`);
            }
            assert.ok(report.steps.length === 1);
            await session.dispose();
          } finally {
            small.dispose();
            model.dispose();
          }
        });
      }
    }
  },
);

const kIntegerPeer = 3 / 255;

describe('made-up data', { skip: skipWithoutAssets }, () => {
  it('never yields accuracy', async () => {
    const model = await loadModel(asset('models/resnet8_cifar10.onnx'));
    const recipe = { whittle: 1, steps: [{ technique: 'fp16' }] } as Recipe;
    const { model: small, report } = await compress(model, recipe, {
      evaluation: synthetic(model, { count: 4 }),
    });
    assert.equal(report.data.synthetic, true);
    assert.equal(report.evaluation?.accuracy, undefined);
    small.dispose();
    model.dispose();
  });
});
