import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { objectSize } from '../../web/src/cli/runtime_build/object_size.js';

const kHead = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

describe('the size of an object file', () => {
  it('is that of its code and data sections', () => {
    const custom = [0, 3, 1, 2, 3];
    const code = [10, 0x82, 0x01, ...new Array<number>(130).fill(0)];
    const data = [11, 2, 0, 0];
    assert.equal(objectSize(Uint8Array.from([...kHead, ...custom, ...code, ...data])), 132);
    assert.equal(objectSize(Uint8Array.from(kHead)), 0);
  });

  it('is not known of a file that ends early', () => {
    assert.throws(() => objectSize(Uint8Array.from([...kHead, 10, 0x80])), RangeError);
  });
});
