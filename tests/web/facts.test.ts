import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderFacts, stepTables, type Report } from 'whittle-nn/report';

const step: Report['steps'][number] = {
  technique: 'quantize-static',
  kept: true,
  layers: { touched: 1, total: 1, reasons: [] },
  details: [{ name: 'fc', op: 'Gemm', detail: { weightSqnrDb: 41.23456, tied: true } }],
  facts: {
    calibration: [
      { value: 'x', chosen: 'kl', sqnrDb: { kl: 40.5, minmax: 38 }, interval: [0, 1] },
      { value: 'y', chosen: 'minmax', interval: [-2, 2] },
    ],
    fallback: { floatLayers: 2 },
  },
};

describe('what a step found out', () => {
  it('becomes a table for each fact, whatever its fields', () => {
    assert.deepEqual(stepTables(step), [
      {
        title: 'Layers changed',
        head: ['layer', 'operator', 'weight SQNR dB', 'tied'],
        rows: [['fc', 'Gemm', '41.23', 'yes']],
      },
      {
        title: 'Calibration',
        head: ['value', 'chosen', 'SQNR dB, KL', 'SQNR dB, minmax', 'interval'],
        rows: [
          ['x', 'kl', '40.5', '38', '0 to 1'],
          ['y', 'minmax', '-', '-', '-2 to 2'],
        ],
      },
      { title: 'Fallback', head: ['float layers'], rows: [['2']] },
    ]);
  });

  it('is one line in a terminal, and tables when asked', () => {
    const report = { steps: [step] } as Report;
    assert.match(
      renderFacts(report, false),
      /quantize-static: layers changed \(1\), calibration \(2\), fallback \(1\)$/,
    );
    assert.match(renderFacts(report, true), /quantize-static: Calibration[\s\S]*minmax/);
    assert.equal(renderFacts({ steps: [] as Report['steps'] } as Report, false), '');
  });
});
