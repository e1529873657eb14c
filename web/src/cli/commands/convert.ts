import { convert as convertModel, type QuantizedForm } from '../../rewrite.js';
import { oneFile, type Command } from '../command.js';
import { withModels } from '../models.js';
import { ProgressLine } from '../progress.js';
import { REWRITE_FLAGS, writeRewritten } from '../rewritten.js';

export const convert: Command = {
  name: 'convert',
  summary: 'Turns a quantized model from QDQ to QOperator form or back; the answers stay the same.',
  operands: 'MODEL',
  flags: {
    to: {
      value: 'FORM',
      doc: 'qdq (QuantizeLinear and DequantizeLinear around operators) or qoperator',
    },
    ...REWRITE_FLAGS,
  },
  example: 'whittle convert int8.onnx --to qoperator -o int8.qoperator.onnx',
  async run(files, values) {
    const file = oneFile(files, 'convert');
    const progress = new ProgressLine();
    return withModels([file], progress, async (model) => {
      if (!model) throw new RangeError('one model was asked for');
      const form = values.text('to');
      const made = await convertModel(model, form as QuantizedForm, {
        onProgress: progress.update,
      });
      return writeRewritten(file, made, `${form}.onnx`, values);
    });
  },
};
