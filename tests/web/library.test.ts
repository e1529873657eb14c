import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import {
  arrays,
  capabilities,
  compare,
  compress,
  createSession,
  explain,
  loadModel,
  synthetic,
  WhittleError,
  type Code,
  type Model,
  type Recipe,
  type Sample,
} from 'whittle-nn';
import { digits } from '../../demos/digits/src/index.js';
import { digitsModel } from './support/assets.js';
import { argmax, peerRun, peerSession, relativeError } from './support/peer.js';
import { kFloatPeer, kTopOneShare } from './support/tolerance.js';

const hasCode =
  (code: Code, words = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WhittleError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    return true;
  };

const oneStep = (technique: string, options: object = {}): Recipe =>
  ({ whittle: 1, seed: 1, steps: [{ technique, ...options }] }) as unknown as Recipe;

const calibration = digits('calibration', 50);
const evaluation = digits('test', 200);
const image = { type: 'float32', dims: [1, 1, 28, 28], data: new Float32Array(784) } as const;

describe('the library on the built-in model', () => {
  let model: Model;
  before(async () => {
    model = await loadModel(digitsModel);
  });
  after(() => model.dispose());

  it('tells inputs, outputs and costs', async () => {
    assert.deepEqual(model.inputs, [
      { name: 'image', type: 'float32', dims: ['batch', 1, 28, 28] },
    ]);
    const summary = await model.summary();
    assert.deepEqual(summary.unsupported, []);
    assert.ok(summary.parameters > 5000 && summary.parameters < 120_000);
    assert.ok(summary.macs > 0);
  });

  it('says which module runs', async () => {
    const { variant, threads } = await capabilities();
    assert.ok(['simd128', 'relaxed'].includes(variant.tier));
    assert.ok(threads >= 1);
  });

  it('answers as onnxruntime does', async () => {
    const session = await createSession(model);
    const peer = await peerSession(await readFile(digitsModel));
    for (const { feeds } of digits('test', 5)()) {
      const [ours, theirs] = [await session.run(feeds), await peerRun(peer, feeds as never)];
      assert.ok(relativeError(ours['logits']!, theirs['logits']!) < kFloatPeer);
    }
    await session.dispose();
  });

  it('serves batches of different sizes in one session', async () => {
    const session = await createSession(model);
    for (const batch of [1, 3, 2, 3]) {
      const data = new Float32Array(784 * batch).map((_, i) => (i % 7) / 7);
      const { logits } = await session.run({
        image: { type: 'float32', dims: [batch, 1, 28, 28], data },
      });
      assert.deepEqual(logits?.dims, [batch, 10]);
    }
    await session.dispose();
  });

  it('refuses feeds that do not fit, and goes on', async () => {
    const session = await createSession(model);
    await assert.rejects(session.run({}), hasCode('MISSING_INPUT', /'image'/));
    await assert.rejects(
      session.run({ imag: image }),
      hasCode('UNKNOWN_INPUT', /Did you mean 'image'/),
    );
    const wrongShape = { ...image, dims: [1, 1, 28, 27], data: new Float32Array(28 * 27) };
    await assert.rejects(session.run({ image: wrongShape }), hasCode('SHAPE_MISMATCH', /image/));
    const wrongType = { type: 'int32', dims: [1, 1, 28, 28], data: new Int32Array(784) } as const;
    await assert.rejects(session.run({ image: wrongType }), hasCode('TYPE_MISMATCH', /image/));
    await assert.rejects(
      session.run({ image }, { outputs: ['logit'] }),
      hasCode('UNKNOWN_OUTPUT', /logit/),
    );
    assert.equal((await session.run({ image }))['logits']?.dims.length, 2);
    await session.dispose();
    await session.dispose();
    await assert.rejects(session.run({ image }), hasCode('DISPOSED'));
  });

  it('times runs inside the engine, in turn with another session', async () => {
    const [a, b] = [await createSession(model), await createSession(model)];
    const latency = await a.benchmark({ runs: 3, against: b });
    assert.ok(
      latency.medianMs > 0 && latency.p95Ms >= latency.medianMs && (latency.ratio ?? 0) > 0,
    );
    await a.dispose();
    await b.dispose();
  });

  const kRecipes: Record<string, Recipe> = {
    fp16: oneStep('fp16'),
    'quantize-weights': oneStep('quantize-weights'),
    'round-for-compression': oneStep('round-for-compression'),
    'quantize-dynamic': oneStep('quantize-dynamic'),
    'quantize-static': oneStep('quantize-static'),
    svd: oneStep('svd', { energy: 0.9 }),
  };
  for (const [name, recipe] of Object.entries(kRecipes)) {
    it(`${name} keeps the digits, and onnxruntime agrees on the file`, async () => {
      const { model: small, report } = await compress(model, recipe, { calibration, evaluation });
      assert.equal(report.evaluation?.samples, 200);
      assert.ok(
        (report.evaluation?.accuracy?.compressed ?? 0) > 0.97,
        JSON.stringify(report.evaluation?.accuracy),
      );
      const peer = await peerSession(await small.toBytes());
      const session = await createSession(small);
      let same = 0;
      let count = 0;
      for (const { feeds } of evaluation()) {
        const [ours, theirs] = [await session.run(feeds), await peerRun(peer, feeds as never)];
        same += argmax(ours['logits']!) === argmax(theirs['logits']!) ? 1 : 0;
        count++;
      }
      assert.ok(same / count >= kTopOneShare, `${same} of ${count}`);
      await session.dispose();
      small.dispose();
    });
  }

  it('makes the same file again, from the recipe and from the report', async () => {
    const bytesOf = async (recipe: Recipe): Promise<Uint8Array> => {
      const { model: small, report } = await compress(model, recipe, { calibration });
      const bytes = await small.toBytes();
      small.dispose();
      explicit = report.recipe as unknown as Recipe;
      return bytes;
    };
    let explicit: Recipe = oneStep('quantize-static');
    const first = await bytesOf(explicit);
    assert.deepEqual(await bytesOf(explicit), first);
  });

  it('rejects a missed gate with the whole report', async () => {
    const recipe = { ...oneStep('quantize-weights'), gate: { minSqnrDb: 300 } };
    await assert.rejects(compress(model, recipe, { evaluation }), (error) => {
      hasCode('GATE_FAILED')(error);
      const { report } = error as WhittleError;
      assert.equal(report?.gate?.pass, false);
      assert.ok((report?.evaluation?.worst.length ?? 0) > 0);
      return true;
    });
    const kept = await compress(model, recipe, { evaluation, keep: true });
    assert.equal(kept.report.gate?.pass, false);
    kept.model.dispose();
  });

  it('checks a recipe before anything runs', async () => {
    await assert.rejects(
      compress(model, oneStep('quantise-static')),
      hasCode('UNKNOWN_TECHNIQUE', /quantize-static/),
    );
    await assert.rejects(
      compress(model, oneStep('svd', { enrgy: 1 })),
      hasCode('INVALID_OPTION', /energy/),
    );
    await assert.rejects(
      compress(model, oneStep('svd', { energy: 2 })),
      hasCode('INVALID_OPTION', /energy/),
    );
    await assert.rejects(
      compress(model, oneStep('svd', { layers: [{ name: '/none/*' }] })),
      hasCode('NO_SUCH_LAYER'),
    );
    await assert.rejects(
      compress(model, oneStep('quantize-static')),
      hasCode('CALIBRATION_REQUIRED'),
    );
    await assert.rejects(
      compress(model, 'tiniest' as never),
      hasCode('INVALID_RECIPE', /smallest/),
    );
    await assert.rejects(compress(model, {} as never), hasCode('INVALID_RECIPE'));
  });

  it('refuses data that does not fit', async () => {
    const recipe = oneStep('quantize-static');
    await assert.rejects(compress(model, recipe, { calibration: [] }), hasCode('EMPTY_DATA'));
    const wrong: Sample[] = [{ feeds: { image: { ...image, dims: [1, 1, 14, 56] } }, id: 'wide' }];
    await assert.rejects(
      compress(model, recipe, { calibration: wrong }),
      hasCode('INVALID_DATA', /wide/),
    );
    const nan: Sample[] = [
      { feeds: { image: { ...image, data: new Float32Array(784).fill(NaN) } }, id: 'nan' },
    ];
    await assert.rejects(compress(model, recipe, { calibration: nan }), hasCode('INVALID_DATA'));
    const oneShot = evaluation() as never;
    await assert.rejects(
      compress(model, recipe, { data: oneShot }),
      hasCode('DATA_NOT_REITERABLE'),
    );
  });

  it('stops when asked, with the reason given', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const endless = function* (): Generator<Sample> {
      for (;;) yield { feeds: { image } };
    };
    const running = compress(model, oneStep('quantize-static'), {
      calibration: endless,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(running, (error) => error === reason);
    const session = await createSession(model);
    await session.run({ image });
    await session.dispose();
  });

  it('says what a recipe would do', async () => {
    const plan = await explain(model, oneStep('quantize-static'));
    assert.equal(plan.needsData, true);
    assert.ok((plan.steps[0]?.candidates ?? 0) > 0);
  });

  it('compares two models made elsewhere', async () => {
    const { model: small } = await compress(model, oneStep('fp16'));
    const report = await compare(model, small, evaluation, { gate: { minSqnrDb: 30 } });
    assert.equal(report.gate?.pass, true);
    assert.ok(report.compressed.bytes.raw < report.original.bytes.raw);
    await assert.rejects(
      compare(model, small, synthetic(model), { gate: { minSqnrDb: 250 } }),
      hasCode('GATE_FAILED'),
    );
    small.dispose();
  });

  it('takes whole arrays as data', async () => {
    const list = [...digits('test', 20)()];
    const data = new Float32Array(20 * 784);
    list.forEach(({ feeds }, i) => data.set(feeds.image.data, i * 784));
    const labels = list.map(({ label }) => label);
    const dataset = arrays({ image: { type: 'float32', dims: [20, 1, 28, 28], data } }, labels);
    const { model: small, report } = await compress(model, oneStep('fp16'), {
      evaluation: dataset,
    });
    assert.equal(report.evaluation?.accuracy?.labelled, 20);
    small.dispose();
  });
});
