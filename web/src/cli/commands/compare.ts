import { compare as compareModels } from '../../compare.js';
import { synthetic } from '../../dataset/synthetic.js';
import { WhittleError } from '../../errors.js';
import { reportTable } from '../../report/rows.js';
import { renderLayers, renderText } from '../../report/text.js';
import type { Command } from '../command.js';
import { INPUT_FLAGS } from '../data/input_flag.js';
import { loadData } from '../data/load.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { GATE_FLAGS, gateOf } from '../recipe_flags.js';

export const compare: Command = {
  name: 'compare',
  summary:
    'Compares two models on the same samples: size, speed, outputs. Exits 2 when a gate is missed.',
  operands: 'ORIGINAL COMPRESSED',
  flags: {
    ...GATE_FLAGS,
    ...INPUT_FLAGS,
    force: { doc: 'go on although the original does badly on the data' },
    layers: { doc: 'compare what every layer makes too, the worst first' },
    wide: { doc: 'add raw and gzip bytes, parameters and MACs' },
  },
  example: 'whittle compare digits.onnx small.onnx --min-sqnr 20',
  async run(files, values) {
    if (files.length !== 2) {
      throw new WhittleError(
        'INVALID_OPTION',
        `Expected two models for whittle compare but received ${files.length}`,
        { where: 'compare' },
      );
    }
    const progress = new ProgressLine();
    return withModels(files, progress, async (original, compressed) => {
      if (!original || !compressed) return 1;
      const data = (await loadData(original.inputs, values)) ?? synthetic(original);
      const report = await compareModels(original, compressed, data, {
        gate: gateOf(values),
        ...(values.on('layers') ? { layers: true } : {}),
        ...(values.on('force') ? { force: true } : {}),
        onProgress: progress.update,
      });
      progress.clear();
      if (values.on('json')) console.log(JSON.stringify(report, null, 2));
      else {
        const named = [{ name: files[1] ?? 'compressed', report }];
        console.log(renderText(reportTable(named, values.on('wide'))));
        if (report.layers) console.log(`\n${renderLayers(report.layers)}`);
      }
      return 0;
    });
  },
};
