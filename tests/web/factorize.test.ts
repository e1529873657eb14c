import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compress, createSession, loadModel, type Recipe } from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

/** Convolutions of several kinds, recurrent layers, matrix products. */
const kRuns = [
  ['squeezenet1.1', { technique: 'tucker', ratio: 0.5 }],
  ['squeezenet1.1', { technique: 'svd', ratio: 0.5 }],
  ['resnet20_cifar10', { technique: 'tucker', vbmf: true }],
  ['resnet20_cifar10', { technique: 'spatial-svd', ratio: 0.5 }],
  ['resnet20_cifar10', { technique: 'cp', ratio: 0.3, starts: 1 }],
  ['dtln_1', { technique: 'svd', ratio: 0.5, minimize: 'outputs' }],
  ['tiny_random_bert', { technique: 'svd', ratio: 0.5, multiple: 1, faster: false }],
] as const;

describe('factorized models mean the same in onnxruntime', { skip: skipWithoutAssets }, () => {
  for (const [name, step] of kRuns) {
    it(`${name}: ${JSON.stringify(step)}`, async () => {
      const file = asset(`models/${name}.onnx`);
      const model = await loadModel(file);
      const recipe = { whittle: 1, steps: [{ ...step, keep: true }] } as Recipe;
      const calibration = [1, 2].map((seed) => ({ feeds: feedsFor(file, model.inputs, seed) }));
      const { model: small, report } = await compress(
        model,
        recipe,
        'minimize' in step ? { calibration } : {},
      );
      try {
        const { layers, details } = report.steps[0]!;
        assert.ok(layers.touched > 0, layers.text);
        for (const { detail } of details) {
          const { parameterRatio } = detail as { parameterRatio: number };
          assert.ok(parameterRatio < 1);
        }
        const peer = await peerSession(await small.toBytes());
        const session = await createSession(small);
        const feeds = feedsFor(file, model.inputs, 5);
        const [ours, theirs] = [await session.run(feeds), await peerRun(peer, feeds)];
        for (const [output, expected] of Object.entries(theirs)) {
          const error = relativeError(ours[output]!, expected);
          assert.ok(error < kFloatPeer, `${output}: ${error}`);
        }
        await session.dispose();
      } finally {
        small.dispose();
        model.dispose();
      }
    });
  }
});
