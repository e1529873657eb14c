import { simplify as simplifyModel } from '../../rewrite.js';
import { oneFile, type Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { REWRITE_FLAGS, writeRewritten } from '../rewritten.js';

export const simplify: Command = {
  name: 'simplify',
  summary: 'Folds constants and normalisations and drops idle nodes; the answers stay the same.',
  operands: 'MODEL',
  flags: REWRITE_FLAGS,
  example: 'whittle simplify digits.onnx -o digits.simple.onnx',
  async run(files, values) {
    const file = oneFile(files, 'simplify');
    const progress = new ProgressLine();
    return withModels([file], progress, async (model) => {
      if (!model) throw new RangeError('one model was asked for');
      const made = await simplifyModel(model, { onProgress: progress.update });
      return writeRewritten(file, made, 'simple.onnx', values);
    });
  },
};
