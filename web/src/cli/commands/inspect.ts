import { formatBytes, formatCount } from '../../report/format.js';
import { textTable } from '../../report/text.js';
import type { Summary } from '../../summary.js';
import type { ValueInfo } from '../../types.js';
import { oneFile, type Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';

function valueLine({ name, type, dims, kind, elementDims }: ValueInfo): string {
  const known = kind ? elementDims : dims;
  return `${name}: ${kind ? `${kind} of ` : ''}${type}[${known?.map((dim) => dim ?? '?').join(',') ?? '?'}]`;
}

/** What a model is, in a few lines and one table. */
export function summaryText(file: string, summary: Summary, allLayers: boolean): string {
  const operators = Object.entries(summary.operators).sort(([, a], [, b]) => b - a);
  const types = Object.entries(summary.weightTypes).map(
    ([type, bytes]) => `${type} ${formatBytes(bytes)}`,
  );
  const layers = [...summary.layers].sort((a, b) => b.bytes - a.bytes);
  const shown = allLayers ? layers : layers.slice(0, 10);
  const rows = shown.map((layer) => [
    layer.name,
    layer.op,
    layer.shape,
    formatCount(layer.parameters),
    formatBytes(layer.bytes),
    formatCount(layer.macs),
  ]);
  const more = layers.length - shown.length;
  return [
    `${file}: ${formatCount(summary.parameters)} parameters, ${formatBytes(summary.weightBytes)} of weights (${types.join(', ')}), ${formatCount(summary.macs)} MACs${summary.macsKnown ? '' : ' (unknown dimensions counted as 1)'}, opset ${summary.opset}`,
    `inputs:  ${summary.inputs.map(valueLine).join(', ')}`,
    `outputs: ${summary.outputs.map(valueLine).join(', ')}`,
    `operators: ${operators.map(([op, count]) => `${op} ${count}`).join(', ')}`,
    ...summary.unsupported.map(
      ({ op, count, example }) => `not supported: ${op} (${count}, for example ${example})`,
    ),
    '',
    textTable(['layer', 'operator', 'output', 'parameters', 'bytes', 'MACs'], rows),
    ...(more > 0 ? [`... and ${more} smaller ones (--all shows them)`] : []),
  ].join('\n');
}

export const inspect: Command = {
  name: 'inspect',
  summary: 'Shows inputs, outputs, operators, and the bytes and MACs of each layer.',
  operands: 'MODEL',
  flags: { all: { doc: 'every layer, not the ten largest' } },
  example: 'whittle inspect digits.onnx',
  async run(files, values) {
    const file = oneFile(files, 'inspect');
    return withModels([file], new ProgressLine(), async (model) => {
      if (!model) return 1;
      const summary = await model.summary();
      console.log(
        values.on('json')
          ? JSON.stringify(summary, null, 2)
          : summaryText(file, summary, values.on('all')),
      );
      return 0;
    });
  },
};
