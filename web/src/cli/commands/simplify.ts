import { WhittleError } from '../../errors.js';
import { simplify as simplifyModel } from '../../rewrite.js';
import { oneFile, type Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { REWRITE_FLAGS, writeRewritten } from '../rewritten.js';

/** "image=1x3x224x224,batch=1" as sizes by name. */
function parseShapes(text: string): Record<string, number[] | number> {
  const entries = text.split(',').map((entry): [string, number[] | number] => {
    const at = entry.lastIndexOf('=');
    const sizes = entry.slice(at + 1);
    if (at < 1 || !/^\d+(x\d+)*$/.test(sizes)) {
      throw new WhittleError(
        'INVALID_OPTION',
        `Expected NAME=SIZES like image=1x3x224x224 for --shape but received '${entry}'`,
        { where: '--shape' },
      );
    }
    const list = sizes.split('x').map(Number);
    return [entry.slice(0, at), list.length === 1 ? (list[0] as number) : list];
  });
  return Object.fromEntries(entries);
}

export const simplify: Command = {
  name: 'simplify',
  summary:
    'Folds, joins and drops what a model can do without, and changes its opset; the answers stay the same.',
  operands: 'MODEL',
  flags: {
    opset: { value: 'N', doc: "the ai.onnx opset to write, 13 to 28 (default: the model's own)" },
    shape: {
      value: 'NAME=SIZES',
      doc: 'fix inputs or named dimensions, joined by commas: image=1x3x224x224,batch=1',
    },
    ...REWRITE_FLAGS,
  },
  example: 'whittle simplify digits.onnx --shape batch=1 -o digits.simple.onnx',
  async run(files, values) {
    const file = oneFile(files, 'simplify');
    const progress = new ProgressLine();
    const opset = values.number('opset');
    const shape = values.text('shape');
    return withModels([file], progress, async (model) => {
      if (!model) throw new RangeError('one model was asked for');
      const made = await simplifyModel(model, {
        ...(opset === undefined ? {} : { opset }),
        ...(shape === undefined ? {} : { shapes: parseShapes(shape) }),
        onProgress: progress.update,
      });
      return writeRewritten(file, made, 'simple.onnx', values);
    });
  },
};
