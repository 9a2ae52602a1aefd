/** What `platform/browser` gives in the place of Node's modules. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as files from '../../src/platform/browser/files.js';
import { sha256 } from '../../src/platform/browser/hash.js';
import * as paths from '../../src/platform/browser/paths.js';

describe('sha256', () => {
  test('is that of Node, whatever the pieces', () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
        const [ours, theirs] = [sha256(), createHash('sha256')];
        for (const piece of pieces) {
          ours.update(piece);
          theirs.update(piece);
        }
        assert.equal(ours.digest(), theirs.digest('hex'));
      }),
    ));

  test('of every length around a block, and of text', () => {
    for (let length = 0; length <= 130; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (7 * i) & 0xff);
      const hash = sha256();
      hash.update(bytes);
      assert.equal(hash.digest(), createHash('sha256').update(bytes).digest('hex'), `${length} bytes`);
    }
    const hash = sha256();
    hash.update('h\u00e9llo \u{1f600}');
    assert.equal(hash.digest(), createHash('sha256').update('h\u00e9llo \u{1f600}').digest('hex'));
  });
});

test('names of files are those of POSIX', () => {
  const part = fc.constantFrom('a', 'bc', '.', '..', '', '/', '/x', 'y/', 'a/b', '../c');
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const withoutEnd = (text: string) => (text.length > 1 ? text.replace(/\/+$/, '') : text);
      assert.equal(paths.join(...parts), withoutEnd(posix.join(...parts)) || '.');
      assert.equal(paths.resolve('/', ...parts), posix.resolve('/', ...parts));
      const path = posix.join(...parts);
      assert.equal(paths.basename(path), posix.basename(path));
      assert.equal(paths.dirname(path), posix.dirname(path));
    }),
  );
});

describe('mounted files', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test('are folders by their names', () => {
    files.mountFile('m/b/config.json', bytes('{}'));
    files.mountFile('/m/a', bytes('12345'));
    assert.deepEqual(files.listFolder('/m'), ['a', 'b']);
    assert.deepEqual(
      [files.isFolder('m'), files.isFolder('m/a'), files.isFolder('/mm'), files.isFolder('')],
      [true, false, false, false],
    );
    assert.deepEqual(
      [files.fileExists('m/b'), files.fileExists('m/a'), files.fileExists('')],
      [true, true, false],
    );
    files.unmountFile('/m/b');
    assert.deepEqual(files.listFolder('m'), ['a']);
    files.unmountFile('m');
    assert.throws(() => files.listFolder('m'), /no such folder/);
  });

  test('are read at any place, and end', () => {
    files.mountFile('five', bytes('12345'));
    const file = files.openFile('/five');
    const target = new Uint8Array(3);
    assert.deepEqual([file.size, file.read(target, 3), [...target.subarray(0, 2)]], [5, 2, [...bytes('45')]]);
    assert.equal(file.read(target, 5), 0);
    files.unmountFile('five');
    assert.throws(() => files.openFile('five'), /no such file/);
  });

  test('are there when they are finished, with what was written then', async () => {
    const file = files.createFile('out/x');
    const chunk = bytes('one');
    file.write(chunk);
    chunk.fill(0);
    file.write(bytes('two'));
    assert.equal(files.fileExists('out/x'), false);
    file.finish();
    assert.equal(await files.mountedFile('out/x').text(), 'onetwo');
    assert.throws(() => files.createFile('out'), /it is a folder/);
    assert.throws(() => files.createFile('out/x/y'), /\/out\/x is a file/);
    files.createFile('out/abandoned').abandon();
    assert.equal(files.fileExists('out/abandoned'), false);
    files.unmountFile('out');
  });
});
