import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadModel, WhittleError } from 'whittle-nn';
import { digitsModel } from './support/assets.js';

async function failureOf(source: Parameters<typeof loadModel>[0]): Promise<WhittleError> {
  try {
    (await loadModel(source)).dispose();
  } catch (error) {
    assert.ok(error instanceof WhittleError, String(error));
    return error;
  }
  throw new Error('expected a failure');
}

const text = (content: string): Buffer => Buffer.from(content);

const kLfsPointer =
  'version https://git-lfs.github.com/spec/v1\n' +
  'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n' +
  'size 123456789\n';

/** What people drop in place of a model, and the words that must be in the message. */
const kFiles: readonly [name: string, bytes: Buffer, words: readonly string[]][] = [
  ['page.onnx', text('<!doctype html><html><body>404</body></html>'), ['HTML']],
  [
    'model.pt',
    Buffer.concat([text('PK\x03\x04'), text('xxxxarchive/data.pkl')]),
    ['PyTorch', 'torch.onnx.export'],
  ],
  [
    'model.tflite',
    Buffer.concat([Buffer.of(0x1c, 0, 0, 0), text('TFL3'), Buffer.alloc(64)]),
    ['TensorFlow Lite'],
  ],
  ['model.ort', Buffer.concat([Buffer.of(0x1c, 0, 0, 0), text('ORTM'), Buffer.alloc(64)]), ['ORT']],
  ['model.h5', Buffer.concat([Buffer.from('894844460d0a1a0a', 'hex'), Buffer.alloc(64)]), ['HDF5']],
  ['model.gz', Buffer.from('1f8b0800000000000003', 'hex'), ['gzip']],
  ['model.zip', Buffer.concat([text('PK\x03\x04'), Buffer.alloc(64)]), ['ZIP']],
  ['empty.onnx', Buffer.alloc(0), ['empty']],
];

describe('files that are no models', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whittle-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('says how to get the file behind a git-LFS pointer', async () => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, kLfsPointer);
    const error = await failureOf(path);
    assert.equal(error.code, 'NOT_A_MODEL');
    assert.equal(
      error.message,
      `Expected an ONNX model for model.onnx but received a git-LFS pointer (${kLfsPointer.length} bytes). Run "git lfs pull", or download the raw file.`,
    );
  });

  for (const [name, bytes, words] of kFiles) {
    it(`recognises ${name}`, async () => {
      const path = join(folder, name);
      await writeFile(path, bytes);
      const error = await failureOf(path);
      assert.ok(['NOT_A_MODEL', 'INVALID_MODEL'].includes(error.code), error.code);
      for (const word of [name, ...words]) {
        assert.ok(
          error.message.toLowerCase().includes(word.toLowerCase()),
          `${word} in: ${error.message}`,
        );
      }
    });
  }

  it('recognises safetensors', async () => {
    const header = text('{"__metadata__":{"format":"pt"}}');
    const length = Buffer.alloc(8);
    length.writeUInt32LE(header.length);
    const path = join(folder, 'model.safetensors');
    await writeFile(path, Buffer.concat([length, header]));
    assert.match((await failureOf(path)).message, /safetensors/);
  });

  it('names a file that is not there', async () => {
    const error = await failureOf(join(folder, 'nothing.onnx'));
    assert.equal(error.code, 'LOAD_FAILED');
    assert.match(error.message, /nothing\.onnx/);
  });

  it('survives truncation and flipped bits, and stays usable', async () => {
    const bytes = await readFile(digitsModel);
    for (let at = 1; at < bytes.length; at = Math.ceil(at * 1.7)) {
      const cut = await failureOf(new Uint8Array(bytes.subarray(0, at)));
      assert.ok(cut.code !== 'CRASHED', cut.message);
      const flipped = new Uint8Array(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x55;
      await loadModel(flipped).then(
        (model) => model.dispose(),
        (error: WhittleError) => assert.notEqual(error.code, 'CRASHED', error.message),
      );
    }
    (await loadModel(digitsModel)).dispose();
  });
});

describe('addresses that lead to no model', () => {
  const server = createServer((request, response) => {
    const missing = request.url === '/missing.onnx';
    response.writeHead(missing ? 404 : 200, { 'content-type': 'text/html' });
    response.end('<!doctype html>');
  });
  let origin = '';
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it('states the status and the address', async () => {
    const error = await failureOf(`${origin}/missing.onnx`);
    assert.equal(error.code, 'LOAD_FAILED');
    assert.match(error.message, /status 404/);
    assert.ok(error.message.includes(`${origin}/missing.onnx`));
  });

  it('says that a page came in place of the model', async () => {
    const error = await failureOf(`${origin}/model.onnx`);
    assert.equal(error.code, 'NOT_A_MODEL');
    assert.match(error.message, /HTML page with status 200/);
  });
});
