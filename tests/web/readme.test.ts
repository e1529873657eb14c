import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as whittle from 'whittle-nn';
import { digits } from '../../demos/digits/src/index.js';
import { digitsModel, root } from './support/assets.js';

/** Runs a block of code with its imports given as values. */
async function execute(code: string, names: Record<string, unknown>): Promise<void> {
  const body = code.replace(/^import .*$/gm, '');
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
}

describe('README', () => {
  it('has an example that runs as it stands', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.ok(example && example.trim().split('\n').length <= 20);
    const printed: string[] = [];
    await execute(example, {
      ...whittle,
      loadModel: (path: string) => {
        assert.equal(path, 'digits.onnx');
        return whittle.loadModel(digitsModel);
      },
      samples: digits('test', 20),
      image: new Float32Array(784),
      console: { log: (...words: unknown[]) => printed.push(words.join(' ')) },
    });
    assert.match(printed[0] ?? '', /^\d+ -> \d+$/);
    assert.equal(printed[1], '1,10');
  });

  it('names only files that exist', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    for (const [, path] of readme.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      await readFile(join(root, path ?? '')).catch(() => assert.fail(`${path} is missing`));
    }
  });
});
