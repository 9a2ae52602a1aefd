import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { IncacheError } from '../../src/errors.js';
import { requireWritable, writeChunksAtomic, writeFileAtomic } from '../../src/weights/atomicFile.js';
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

  const unix = { skip: process.platform === 'win32' ? 'needs a Unix file system' : false };

  test('a link is followed and stays a link', unix, () => {
    const link = join(folder, 'link');
    writeFileAtomic(path, 'old');
    symlinkSync('file', link);
    writeFileAtomic(link, 'new');
    assert.equal(readlinkSync(link), 'file');
    assert.equal(readFileSync(path, 'utf8'), 'new');
    rmSync(link);
  });

  test('links to a file that is not there yet make the file and stay links', unix, () => {
    const [first, second, fresh] = ['first', 'second', 'fresh'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    symlinkSync('second', first);
    symlinkSync(fresh, second);
    writeFileAtomic(first, 'new');
    assert.equal(readFileSync(fresh, 'utf8'), 'new');
    assert.deepEqual([readlinkSync(first), readlinkSync(second)], ['second', fresh]);
    for (const made of [first, second, fresh]) rmSync(made);
  });

  test('a link to itself is a sentence', unix, () => {
    const link = join(folder, 'loop');
    symlinkSync('loop', link);
    assert.throws(() => writeFileAtomic(link, 'x'), {
      name: 'IncacheError',
      message: /^cannot write .*loop: ELOOP/,
    });
    assert.ok(lstatSync(link).isSymbolicLink());
    rmSync(link);
  });

  test('what is no regular file is refused, not replaced', unix, async () => {
    const place = join(folder, 'socket');
    const server = createServer().listen(place);
    await once(server, 'listening');
    try {
      assert.throws(() => writeFileAtomic(place, 'x'), {
        name: 'IncacheError',
        message: `cannot write ${place}: it is not a regular file`,
      });
      assert.ok(lstatSync(place).isSocket());
      assert.deepEqual(readdirSync(folder), ['file', 'socket']);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  test('a place that cannot be written is named, with the reason', () => {
    for (const place of [join(folder, 'no', 'file'), folder])
      assert.throws(
        () => writeFileAtomic(place, 'x'),
        (error: Error) => {
          assert.ok(error instanceof IncacheError);
          assert.match(error.message, /^cannot write .*: (?:E[A-Z]+|it is a folder)/);
          assert.ok(error.message.includes(place));
          return true;
        },
      );
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  test('long-file-name: a name as long as names can be is written, a longer one refused before the work', () => {
    const long = join(folder, 'a'.repeat(255));
    requireWritable(long);
    assert.deepEqual(readdirSync(folder), ['file']);
    writeFileAtomic(long, 'x');
    assert.equal(readFileSync(long, 'utf8'), 'x');
    rmSync(long);
    for (const write of [requireWritable, (path: string) => writeFileAtomic(path, 'x')])
      assert.throws(() => write(`${long}a`), /^IncacheError: cannot write .*: ENAMETOOLONG/);
    assert.deepEqual(readdirSync(folder), ['file']);
  });
});
