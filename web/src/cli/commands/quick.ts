import { basename } from 'node:path';

import { compress } from '../../compress.js';
import { synthetic } from '../../dataset/synthetic.js';
import { WhittleError } from '../../errors.js';
import type { Recipe } from '../../generated/recipe.js';
import type { Model } from '../../model.js';
import type { NamedReport } from '../../generated/report.js';
import { reportTable } from '../../report/rows.js';
import { renderText } from '../../report/text.js';
import { oneFile, type Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { summaryText } from './inspect.js';

/** What needs no data and changes no operator's arithmetic. */
const DATA_FREE = ['fp16', 'quantize-weights', 'round-for-compression'] as const;

const SAMPLES = 8;

function adviceOf(model: Model): string {
  const image = model.inputs.length === 1 && model.inputs[0]?.dims?.length === 4;
  const data = image ? '--data FOLDER_OF_IMAGES --input imagenet:224' : '--data SAMPLES.npz';
  return `With samples there is more: int8 arithmetic (smaller and faster), and accuracy in place of synthetic signal-to-noise:\n  whittle compress ${model.name} --preset balanced ${data}`;
}

export const quick: Command = {
  name: 'quick',
  summary: 'Inspects a model and tries what needs no data; the same as "whittle MODEL".',
  operands: 'MODEL',
  flags: { wide: { doc: 'add raw and gzip bytes, parameters and MACs to the table' } },
  example: 'whittle quick digits.onnx',
  async run(files, values) {
    const file = oneFile(files, 'quick');
    const progress = new ProgressLine();
    return withModels([file], progress, async (model) => {
      if (!model) return 1;
      const summary = await model.summary();
      if (!values.on('json')) console.log(`${summaryText(file, summary, false)}\n`);
      const reports: NamedReport[] = [];
      const notes: string[] = [];
      for (const technique of DATA_FREE) {
        const recipe = { whittle: 1, steps: [{ technique }] } as Recipe;
        try {
          const evaluation = synthetic(model, { count: SAMPLES });
          const { model: small, report } = await compress(model, recipe, {
            evaluation,
            force: true,
            onProgress: progress.update,
          });
          small.dispose();
          reports.push({ name: technique, report });
        } catch (error) {
          if (!(error instanceof WhittleError)) throw error;
          notes.push(`${technique}: ${error.message}`);
        }
      }
      progress.clear();
      if (values.on('json')) console.log(JSON.stringify({ summary, reports, notes }, null, 2));
      else {
        if (reports.length > 0) console.log(renderText(reportTable(reports, values.on('wide'))));
        for (const note of notes) console.log(`\n${note}`);
        console.log('\nTo write one of them:');
        for (const { name } of reports)
          console.log(
            `  whittle compress ${file} --step ${name} -o ${basename(file, '.onnx')}.${name}.onnx`,
          );
        console.log(`\n${adviceOf(model)}`);
      }
      return reports.length > 0 ? 0 : 1;
    });
  },
};
