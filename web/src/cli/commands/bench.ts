import { WhittleError } from '../../errors.js';
import { measureLatencies } from '../../latency.js';
import { formatCount, formatMs } from '../../report/format.js';
import { textTable } from '../../report/text.js';
import { createSession, type Session } from '../../session.js';
import { syntheticFeeds } from '../../dataset/synthetic.js';
import { readDataset } from '../../dataset/dataset.js';
import { completeSample } from '../../feeds.js';
import type { Model } from '../../model.js';
import type { NamedValues } from '../../types.js';
import type { Command, Values } from '../command.js';
import { INPUT_FLAGS } from '../data/input_flag.js';
import { loadData } from '../data/load.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';

const DEFAULT_RUNS = 30;

async function feedsOf(model: Model, values: Values): Promise<NamedValues> {
  const data = await loadData(model.inputs, values);
  if (data)
    for await (const sample of readDataset(data))
      return completeSample(model.inputs, sample, 0).feeds;
  return syntheticFeeds(model.inputs);
}

async function profileTable(session: Session, feeds: NamedValues): Promise<string> {
  await session.run(feeds);
  await session.run(feeds);
  const steps = await session.profile();
  const total = steps.reduce((sum, step) => sum + step.ms, 0);
  const rows = [...steps]
    .sort((a, b) => b.ms - a.ms)
    .map((step) => [
      step.node,
      step.op,
      step.kernel,
      step.shape,
      formatMs(step.ms),
      `${((step.ms / total) * 100).toFixed(1)} %`,
      step.macs > 0 ? `${(step.macs / step.ms / 1e6).toFixed(1)}` : '-',
      formatCount(step.macs),
    ]);
  return textTable(
    ['node', 'operator', 'kernel', 'output', 'ms', 'share', 'GMAC/s', 'MACs'],
    rows,
    process.stdout.columns ?? Infinity,
  );
}

export const bench: Command = {
  name: 'bench',
  summary: 'Times models inside the engine, in turn (A B A B), on the same feeds.',
  operands: 'MODEL ...',
  flags: {
    runs: {
      value: 'N',
      doc: `samples of each model, every one as many runs as last 5 ms (default ${DEFAULT_RUNS})`,
    },
    profile: { doc: 'the time of each step of the plan' },
    ...INPUT_FLAGS,
  },
  example: 'whittle bench digits.onnx small.onnx --runs 10',
  async run(files, values) {
    if (files.length === 0)
      throw new WhittleError(
        'INVALID_OPTION',
        'Expected a model for whittle bench but received none',
        { where: 'bench' },
      );
    const progress = new ProgressLine();
    return withModels(files, progress, async (...models) => {
      const feeds = await feedsOf(models[0] as Model, values);
      const profile = values.on('profile');
      const sessions: Session[] = [];
      for (const model of models) sessions.push(await createSession(model, { profile }));
      const stats = await measureLatencies(
        sessions.map((session) => session.handle),
        feeds,
        values.number('runs') ?? DEFAULT_RUNS,
        {
          onProgress: progress.update,
        },
      );
      progress.clear();
      const results = stats.map((stat, i) => ({
        file: files[i] ?? '',
        ...stat,
        ratio: stat.medianMs / (stats[0]?.medianMs ?? 1),
      }));
      if (values.on('json')) {
        const steps = profile
          ? await Promise.all(sessions.map((session) => session.profile()))
          : undefined;
        console.log(
          JSON.stringify(
            results.map((result, i) => ({ ...result, ...(steps ? { steps: steps[i] } : {}) })),
            null,
            2,
          ),
        );
      } else {
        const rows = results.map((r) => [
          r.file,
          formatMs(r.medianMs),
          formatMs(r.p95Ms),
          formatMs(r.minMs),
          r.ratio.toFixed(2),
          String(r.samples),
        ]);
        console.log(
          textTable(['model', 'median ms', 'p95 ms', 'min ms', 'ratio', 'samples'], rows),
        );
        if (profile)
          for (const [i, session] of sessions.entries())
            console.log(`\n${files[i]}\n${await profileTable(session, feeds)}`);
      }
      for (const session of sessions) await session.dispose();
      return 0;
    });
  },
};
