import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compress, createSession, loadModel, type Recipe } from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

/** Shortcuts padded with zeros, inverted residuals, Concat, heads of a detector, hidden units. */
const kRuns = [
  ['resnet20_cifar10', { technique: 'prune-channels', keepMacs: 0.7, multiple: 1 }],
  [
    'resnet20_cifar10',
    { technique: 'prune-channels', criterion: 'reconstruction', reconstruct: true },
  ],
  ['mobilenetv2', { technique: 'prune-channels', ratio: 0.5 }],
  ['squeezenet1.1', { technique: 'prune-channels', scope: 'global' }],
  ['yunet_n_dynamic', { technique: 'prune-channels', ratio: 0.5 }],
  ['ndm_gru', { technique: 'prune-channels', ratio: 0.5 }],
  ['squeezenet1.1', { technique: 'prune-weights', sparsity: 0.7, pattern: '4x1' }],
] as const;

describe('pruned models mean the same in onnxruntime', { skip: skipWithoutAssets }, () => {
  for (const [name, step] of kRuns) {
    it(`${name}: ${JSON.stringify(step)}`, async () => {
      const file = asset(`models/${name}.onnx`);
      const model = await loadModel(file);
      const recipe = { whittle: 1, steps: [step] } as Recipe;
      const calibration = [1, 2].map((seed) => ({ feeds: feedsFor(file, model.inputs, seed) }));
      const { model: small, report } = await compress(
        model,
        recipe,
        'reconstruct' in step ? { calibration } : {},
      );
      try {
        const { layers, kept, macs } = report.steps[0]!;
        assert.ok(kept && layers.touched > 0, layers.text);
        if (step.technique === 'prune-channels')
          assert.ok(macs.after < macs.before, `${macs.after} of ${macs.before}`);
        assert.deepEqual(small.inputs, model.inputs);
        assert.deepEqual(small.outputs, model.outputs);
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
