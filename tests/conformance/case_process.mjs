// The process that cases run in, since an engine that crashes takes its process along:
// node case_process.mjs <options as JSON>; each message in is a case's folder, each message out why
// it fails, or '' when it passes.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { difference } from './difference.mjs';
import { engines } from './engines.mjs';
import { readSignature, readValue } from './values.mjs';

const options = JSON.parse(process.argv[2]);

const filesOf = (folder, prefix) =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.pb'))
    .sort((a, b) => parseInt(a.slice(prefix.length)) - parseInt(b.slice(prefix.length)))
    .map((name) => join(folder, name));

async function runCase(run, folder) {
  const bytes = new Uint8Array(readFileSync(join(folder, 'model.onnx')));
  const { inputs, outputs } = readSignature(bytes);
  for (const set of readdirSync(folder).filter((name) => name.startsWith('test_data_set'))) {
    const given = filesOf(join(folder, set), 'input_').map((file, i) => readValue(file, inputs[i]));
    const expected = filesOf(join(folder, set), 'output_').map((file, i) =>
      readValue(file, outputs[i]),
    );
    // What the file calls input i; older models list their initializers among the inputs.
    const feeds = Object.fromEntries(given.map((value, i) => [inputs[i]?.name, value]));
    const results = await run(bytes.slice(), (names) =>
      Object.fromEntries(names.filter((name) => name in feeds).map((name) => [name, feeds[name]])),
    );
    if (results.length !== expected.length)
      return `${results.length} outputs, expected ${expected.length}`;
    for (const [i, value] of expected.entries()) {
      const what = difference(results[i], value);
      if (what) return `output ${i}: ${what}`;
    }
  }
  return '';
}

const ready = engines[options.engine](options);
process.on('message', async (folder) => {
  try {
    process.send(await runCase(await ready, folder));
  } catch (error) {
    process.send(String(error?.message ?? error).split('\n')[0] || 'an error without a message');
  }
});
