import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { IncacheError } from '../../src/errors.js';
import { writeChunksAtomic, writeFileAtomic } from '../../src/weights/atomicFile.js';
import { temporaryFolder } from '../support/folder.js';

describe('atomic files', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'file');

  test('a file is written and replaced', () => {
    writeFileAtomic(path, 'first');
    writeFileAtomic(path, Uint8Array.of(65, 66));
    assert.equal(readFileSync(path, 'utf8'), 'AB');
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  test('a failure in the middle leaves the old file and nothing else', () => {
    writeFileAtomic(path, 'old');
    const fail = () =>
      writeChunksAtomic(path, (write) => {
        write(Buffer.from('half of the new'));
        throw new RangeError('out of data');
      });
    assert.throws(fail, RangeError);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  test('a place that cannot be written is named, with the reason', () => {
    for (const place of [join(folder, 'no', 'file'), folder])
      assert.throws(
        () => writeFileAtomic(place, 'x'),
        (error: Error) => {
          assert.ok(error instanceof IncacheError);
          assert.match(error.message, /^cannot write .*: E[A-Z]+/);
          assert.ok(error.message.includes(place));
          return true;
        },
      );
    assert.deepEqual(readdirSync(folder), ['file']);
  });
});
