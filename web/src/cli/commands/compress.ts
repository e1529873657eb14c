import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

import { compress as compressModel } from '../../compress.js';
import { synthetic } from '../../dataset/synthetic.js';
import { WhittleError } from '../../errors.js';
import type { Report } from '../../generated/report.js';
import { reportTable } from '../../report/rows.js';
import { renderFacts, renderLayers, renderText } from '../../report/text.js';
import type { Command, Values } from '../command.js';
import { INPUT_FLAGS } from '../data/input_flag.js';
import { loadData } from '../data/load.js';
import { printError } from '../errors.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { RECIPE_FLAGS, recipeOf } from '../recipe_flags.js';
import { writeWhole } from '../write.js';

/** Models named on the command line, folders replaced by the .onnx files in them. */
async function modelFiles(files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const info = await stat(file).catch(() => undefined);
    if (!info?.isDirectory()) found.push(file);
    else
      found.push(
        ...(await readdir(file))
          .filter((name) => name.endsWith('.onnx'))
          .map((name) => join(file, name)),
      );
  }
  if (found.length > 0) return found;
  throw new WhittleError(
    'INVALID_OPTION',
    `Expected a model for whittle compress but received ${files.length ? 'a folder without .onnx files' : 'none'}`,
    {
      where: 'compress',
      hint: 'whittle compress --help shows an example',
    },
  );
}

function outputPath(file: string, values: Values, several: boolean): string {
  const folder = values.text('out');
  const output = values.text('output');
  if (several && output !== undefined) {
    throw new WhittleError(
      'INVALID_OPTION',
      'Expected --out FOLDER for several models but received --output',
      { where: '--output' },
    );
  }
  const name = basename(file, extname(file));
  return (
    output ??
    (folder === undefined ? join(file, '..', `${name}.small.onnx`) : join(folder, `${name}.onnx`))
  );
}

/** Compresses one file; returns its report. */
async function compressFile(file: string, path: string, values: Values): Promise<Report> {
  const progress = new ProgressLine();
  return withModels([file], progress, async (model) => {
    if (!model) throw new RangeError('one model was asked for');
    const recipe = await recipeOf(values, model);
    const calibration = values.text('calibration');
    if (calibration !== undefined && calibration !== 'synthetic') {
      throw new WhittleError(
        'INVALID_OPTION',
        `Expected 'synthetic' for --calibration but received '${calibration}'`,
        {
          where: '--calibration',
          hint: 'Give real samples with --data',
        },
      );
    }
    const data = await loadData(model.inputs, values, recipe.input?.image);
    const made =
      calibration === undefined
        ? undefined
        : synthetic(model, { count: 32, seed: recipe.seed ?? 1 });
    const { model: small, report } = await compressModel(model, recipe, {
      ...(data ? { data } : made ? { calibration: made } : {}),
      ...(values.on('layers') ? { layers: true } : {}),
      ...(values.on('keep') ? { keep: true } : {}),
      ...(values.on('force') ? { force: true } : {}),
      onProgress: progress.update,
    });
    try {
      await writeWhole(path, await small.toBytes());
    } finally {
      small.dispose();
    }
    const reportPath = values.text('report');
    if (reportPath !== undefined)
      await writeWhole(reportPath, `${JSON.stringify(report, null, 2)}\n`);
    return report;
  });
}

export const compress: Command = {
  name: 'compress',
  summary: 'Compresses models by a recipe, preset or steps, measures the result and judges it.',
  operands: 'MODEL ... | FOLDER',
  flags: {
    ...RECIPE_FLAGS,
    ...INPUT_FLAGS,
    calibration: {
      value: 'synthetic',
      doc: 'calibrate on made-up inputs when there are no samples',
    },
    output: {
      value: 'FILE',
      short: 'o',
      doc: 'where to write (default: beside the model, NAME.small.onnx)',
    },
    out: { value: 'FOLDER', doc: 'where to write several models' },
    report: { value: 'FILE', doc: 'write the report as JSON' },
    keep: { doc: 'write the model although it misses the gate' },
    force: { doc: 'go on although the original does badly on the data' },
    layers: { doc: 'compare what every layer makes too, the worst first' },
    wide: {
      doc: 'add raw and gzip bytes, parameters and MACs to the table, and what each step found out',
    },
  },
  example: 'whittle compress digits.onnx --step "quantize-weights" -o small.onnx',
  async run(files, values) {
    const models = await modelFiles(files);
    const several = models.length > 1;
    const results: { file: string; output?: string; report?: Report; error?: unknown }[] = [];
    let exitCode = 0;
    for (const file of models) {
      try {
        const output = outputPath(file, values, several);
        const report = await compressFile(file, output, values);
        results.push({ file, output, report });
        if (report.gate && !report.gate.pass) exitCode = 2;
        if (!values.on('json')) {
          console.log(renderText(reportTable([{ name: 'compressed', report }], values.on('wide'))));
          const facts = renderFacts(report, values.on('wide'));
          if (facts) console.log(`\n${facts}`);
          if (report.layers) console.log(`\n${renderLayers(report.layers)}`);
          console.log(`\nWrote ${output}\n`);
        }
      } catch (error) {
        if (!several) throw error;
        printError(error, values.on('debug'), file);
        results.push({ file, error: error instanceof Error ? error.message : String(error) });
        exitCode = Math.max(exitCode, 1);
      }
    }
    if (values.on('json'))
      console.log(JSON.stringify(several ? results : results[0]?.report, null, 2));
    else if (several) {
      const failed = results.filter((result) => result.error !== undefined);
      console.log(`${models.length - failed.length} of ${models.length} models compressed`);
      for (const { file } of failed) console.log(`  failed: ${file}`);
    }
    return exitCode;
  },
};
