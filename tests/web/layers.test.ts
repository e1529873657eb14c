import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { compare, compareLayers, compress, loadModel, WhittleError, type Model } from 'whittle-nn';
import { renderHtml, renderLayers } from 'whittle-nn/report';
import { digits } from '../../demos/digits/src/index.js';
import { digitsModel } from './support/assets.js';

const samples = digits('test', 12);

describe('layers compared', () => {
  let model: Model;
  let small: Model;
  before(async () => {
    model = await loadModel(digitsModel);
    const made = await compress(
      model,
      {
        whittle: 1,
        steps: [{ technique: 'quantize-static', layers: [{ name: 'fc2', skip: true }] }],
      },
      { calibration: digits('calibration', 20) },
    );
    small = made.model;
  });
  after(() => {
    model.dispose();
    small.dispose();
  });

  it('lists every layer of the model, the worst first, and how it is stored', async () => {
    const seen: string[] = [];
    const found = await compareLayers(model, small, samples, {
      samples: 10,
      onProgress: ({ stage }) => seen.push(stage),
    });
    assert.equal(found.samples, 10);
    assert.equal(found.synthetic, false);
    assert.ok(seen.includes('layers'));
    const ratios = found.layers.map(({ sqnrDb }) => sqnrDb ?? Infinity);
    assert.deepEqual(
      ratios,
      [...ratios].sort((a, b) => a - b),
    );
    const stored = Object.fromEntries(
      found.layers.map(({ name, compressed }) => [name, compressed.weights]),
    );
    assert.equal(stored['fc1'], 'int8');
    assert.equal(stored['fc2'], 'float32');
    const { layers } = await model.summary();
    for (const { name, macs } of layers.filter((layer) => layer.macs > 0)) {
      const layer = found.layers.find((each) => each.name === name);
      assert.ok(layer, name);
      assert.equal(layer.macs, macs);
      assert.ok((layer.sqnrDb ?? 0) > 15 && (layer.cosine ?? 0) > 0.98, `${name} is close`);
    }
    assert.match(renderLayers(found), /Per layer over 10 samples[\s\S]*fc1 +Gemm/);
  });

  it('says that a model equals itself', async () => {
    const { layers, alone } = await compareLayers(model, model, samples, { samples: 2 });
    assert.ok(layers.length > 0 && layers.every(({ exact }) => exact));
    assert.deepEqual(alone, []);
  });

  it('is part of a report on request, as JSON and as a page', async () => {
    const report = await compare(model, small, samples, { layers: true });
    assert.equal(report.layers?.samples, 12);
    const html = renderHtml({ reportSet: 1, reports: [{ name: 'small', report }] });
    assert.match(html, /<table class="layers">[\s\S]*fc1/);
    assert.equal((await compare(model, small, samples)).layers, undefined);
  });

  it('refuses senseless options', async () => {
    for (const o of [{ samples: 0 }, { sample: 3 }]) {
      await assert.rejects(
        compareLayers(model, small, samples, o as object),
        (error: unknown) => error instanceof WhittleError && error.code === 'INVALID_OPTION',
      );
    }
  });
});
