import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compress, createSession, loadModel, type Recipe } from 'whittle-nn';
import { asset, skipWithoutAssets } from './support/assets.js';
import { feedsFor } from './support/feeds.js';
import { peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer } from './support/tolerance.js';

/** Convolutions, recurrent layers in subgraphs, embeddings and matrix products. */
const kModels = ['resnet20_cifar10', 'silero_vad_16k', 'byte_bidi_lstm', 'tiny_random_bert'];
const kSteps = [
  { technique: 'quantize-weights', bits: 4 },
  { technique: 'quantize-weights', bits: 4, type: 'unsigned', symmetric: false, block: 16 },
  { technique: 'quantize-weights', bits: 8, granularity: 'block', symmetric: false },
  { technique: 'palettize' },
  { technique: 'palettize', bits: 3, groupSize: 0, storage: 'uint8' },
  { technique: 'palettize', bits: 6, shared: true, groupSize: 4 },
  { technique: 'palettize', rounding: 'gptq' },
];

describe('narrow weights mean the same in onnxruntime', { skip: skipWithoutAssets }, () => {
  for (const name of kModels) {
    for (const step of kSteps) {
      it(`${name}: ${JSON.stringify(step)}`, async () => {
        const file = asset(`models/${name}.onnx`);
        const model = await loadModel(file);
        const recipe = { whittle: 1, steps: [{ ...step, keep: true }] } as Recipe;
        const calibration = [{ feeds: feedsFor(file, model.inputs, 6) }];
        const { model: small } = await compress(
          model,
          recipe,
          'rounding' in step ? { calibration } : {},
        );
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
