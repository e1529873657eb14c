import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compress, createSession, loadModel, type Recipe } from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

/** Convolutions, recurrent layers in subgraphs, embeddings and matrix products. */
const kModels = ['resnet20_cifar10', 'silero_vad_16k', 'byte_bidi_lstm', 'tiny_random_bert'];
const kFormats = [
  { bits: 4 },
  { bits: 4, type: 'unsigned', symmetric: false, block: 16 },
  { bits: 8, granularity: 'block', symmetric: false },
];

describe('narrow weights mean the same in onnxruntime', { skip: skipWithoutAssets }, () => {
  for (const name of kModels) {
    for (const format of kFormats) {
      it(`${name}: ${JSON.stringify(format)}`, async () => {
        const file = asset(`models/${name}.onnx`);
        const model = await loadModel(file);
        const steps = [{ technique: 'quantize-weights', keep: true, ...format }];
        const { model: small } = await compress(model, { whittle: 1, steps } as Recipe);
        try {
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
  }
});
