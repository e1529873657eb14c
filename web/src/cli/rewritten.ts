import { basename, extname, join } from 'node:path';

import { textTable } from '../report/text.js';
import type { Rewritten } from '../rewrite.js';
import type { Flag, Values } from './command.js';
import { writeWhole } from './write.js';

export const REWRITE_FLAGS: Readonly<Record<string, Flag>> = {
  output: {
    value: 'FILE',
    short: 'o',
    doc: 'where to write (default: beside the model, with the form in the name)',
  },
};

const total = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Operators whose number changed, then all of them. */
function operatorTable({ operators: { before, after } }: Rewritten): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => (before[name] ?? 0) !== (after[name] ?? 0));
  const row = (name: string, was: number, is: number): string[] => [name, `${was}`, `${is}`];
  return textTable(
    ['operator', 'before', 'after'],
    [
      ...changed.map((name) => row(name, before[name] ?? 0, after[name] ?? 0)),
      row('all', total(before), total(after)),
    ],
  );
}

/** Writes the model and says what became of its operators; returns the exit code. */
export async function writeRewritten(
  file: string,
  made: Rewritten,
  ending: string,
  values: Values,
): Promise<number> {
  const path =
    values.text('output') ?? join(file, '..', `${basename(file, extname(file))}.${ending}`);
  const { opset } = made.model;
  try {
    await writeWhole(path, await made.model.toBytes());
  } finally {
    made.model.dispose();
  }
  if (values.on('json')) {
    console.log(
      JSON.stringify({ output: path, opset, operators: made.operators, left: made.left }, null, 2),
    );
    return 0;
  }
  console.log(operatorTable(made));
  for (const { reason, layers } of made.left) {
    console.log(`left: ${layers.length} (${layers.slice(0, 3).join(', ')} ...): ${reason}`);
  }
  console.log(`\nWrote ${path}, opset ${opset}`);
  return 0;
}
