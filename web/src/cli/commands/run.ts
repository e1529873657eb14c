import { join } from 'node:path';

import { readDataset } from '../../dataset/dataset.js';
import { completeSample } from '../../feeds.js';
import { synthetic } from '../../dataset/synthetic.js';
import { createSession } from '../../session.js';
import type { NamedValues, Tensor, TypedArray, Value } from '../../types.js';
import { oneFile, type Command } from '../command.js';
import { INPUT_FLAGS } from '../data/input_flag.js';
import { loadData } from '../data/load.js';
import { writeNpy } from '../data/npy.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { writeWhole } from '../write.js';

const SHOWN = 5;

/** The largest values of short vectors, else the range: enough to see whether an output makes sense. */
function describe(value: Value): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return `sequence of ${value.length}: ${value.map(describe).join('; ')}`;
  const { type, dims, data } = value as Tensor;
  const head = `${type}[${dims.join(',')}]`;
  if (type === 'string') return `${head} ${(data as readonly string[]).slice(0, SHOWN).join(', ')}`;
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  const scores = dims.length <= 2 && (dims[0] === 1 || dims.length === 1) && numbers.length > 1;
  if (scores) {
    const top = numbers
      .map((value, index) => ({ value, index }))
      .sort((a, b) => b.value - a.value)
      .slice(0, SHOWN);
    return `${head} largest: ${top.map(({ value, index }) => `#${index} ${value.toPrecision(4)}`).join(', ')}`;
  }
  if (numbers.length === 1) return `${head} ${numbers[0]}`;
  const [min, max] = numbers.reduce(
    ([low, high], x) => [Math.min(low, x), Math.max(high, x)],
    [Infinity, -Infinity],
  );
  return `${head} from ${min.toPrecision(4)} to ${max.toPrecision(4)}`;
}

function valueAsJson(value: Value): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(valueAsJson);
  const { type, dims, data } = value as Tensor;
  const numbers = data as TypedArray as ArrayLike<number | bigint>;
  return { type, dims, data: type === 'string' ? data : Array.from(numbers, Number) };
}

const asJson = (outputs: NamedValues): unknown =>
  Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, valueAsJson(value)]));

/** The tensors of an output, each with the name its file gets. */
function tensorsOf(name: string, value: Value): [string, Tensor][] {
  if (value === null) return [];
  if (!Array.isArray(value)) return [[name, value as Tensor]];
  return value.map((item: Tensor, index): [string, Tensor] => [`${name}.${index}`, item]);
}

export const run: Command = {
  name: 'run',
  summary: 'Runs a model on samples and shows, or with --out writes, what comes out.',
  operands: 'MODEL',
  flags: { ...INPUT_FLAGS, out: { value: 'FOLDER', doc: 'write each output as .npy' } },
  example: 'whittle run digits.onnx',
  async run(files, values) {
    const file = oneFile(files, 'run');
    const progress = new ProgressLine();
    return withModels([file], progress, async (model) => {
      if (!model) return 1;
      const data = (await loadData(model.inputs, values)) ?? synthetic(model, { count: 1 });
      const session = await createSession(model);
      const results: unknown[] = [];
      let index = 0;
      for await (const sample of readDataset(data)) {
        const complete = completeSample(model.inputs, sample, index);
        const outputs = await session.run<NamedValues>(complete.feeds);
        progress.clear();
        if (values.on('json')) results.push({ id: complete.id, outputs: asJson(outputs) });
        else
          for (const [name, value] of Object.entries(outputs))
            console.log(`${complete.id} ${name}: ${describe(value)}`);
        const folder = values.text('out');
        const written = folder === undefined ? {} : outputs;
        for (const [name, tensor] of Object.entries(written).flatMap(([n, v]) => tensorsOf(n, v))) {
          const safe = `${complete.id ?? index}.${name}`.replace(/[^\w.-]+/g, '_');
          await writeWhole(join(folder ?? '.', `${safe}.npy`), writeNpy(tensor));
        }
        index++;
      }
      if (values.on('json')) console.log(JSON.stringify(results));
      await session.dispose();
      return 0;
    });
  },
};
