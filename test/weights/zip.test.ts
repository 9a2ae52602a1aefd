/** Zip archives, whoever wrote them: every entry as it was, and damage or a trap said in a sentence. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { FormatError, IncacheError } from '../../src/errors.js';
import { writeChunksAtomic } from '../../src/weights/atomicFile.js';
import { crc32, crc32JavaScript } from '../../src/weights/crc32.js';
import { ZipFile } from '../../src/weights/zip.js';
import { ZipWriter } from '../../src/weights/zipWriter.js';
import { temporaryFolder } from '../support/folder.js';

const python = spawnSync('python3', ['--version'], { stdio: 'ignore' });
const skip = python.status === 0 ? false : 'there is no python3';

describe('the checksum', () => {
  test('is that of the format, in one piece or several', () => {
    for (const checksum of [crc32, crc32JavaScript]) {
      assert.equal(checksum(Buffer.from('123456789')), 0xcbf43926);
      assert.equal(checksum(new Uint8Array(0)), 0);
      assert.equal(checksum(new Uint8Array(0), 5), 5);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (bytes, cut) => {
        const whole = crc32(bytes);
        for (const checksum of [crc32, crc32JavaScript])
          assert.equal(checksum(bytes.subarray(cut), checksum(bytes.subarray(0, cut))), whole);
      }),
    );
  });
});

describe('zip', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'archive.zip');
  const noise = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i * 7919) >> 7);
  const blank = new Uint8Array(5_000_000);

  const write = (entries: Readonly<Record<string, readonly Uint8Array[]>>, target = path) =>
    writeChunksAtomic(target, (put) => {
      const writer = new ZipWriter(put);
      for (const [name, chunks] of Object.entries(entries)) writer.add(name, chunks);
      writer.end();
    });
  const contents = () => {
    using zip = ZipFile.open(path);
    return Object.fromEntries([...zip.entries].map(([name, entry]) => [name, zip.read(entry)]));
  };

  test('what others have written, stored or deflated, is read back', () => {
    const entries = { 'a/stored': noise, empty: new Uint8Array(0), 'blank.npy': blank };
    for (const level of [0, 1, 9] as const) {
      writeFileSync(path, zipSync(entries, { level }));
      assert.deepEqual(contents(), entries);
    }
  });

  test('what was written is read back, and any range of it in place', () => {
    write({ a: [noise.subarray(0, 1000), noise.subarray(1000)], ß: [], c: [blank] });
    assert.deepEqual(contents(), { a: noise, ß: new Uint8Array(0), c: blank });
    using zip = ZipFile.open(path);
    const range = zip.readStored(zip.entry('a'), new Uint8Array(500), 299_500);
    assert.deepEqual(range, noise.subarray(299_500));
    assert.throws(() => zip.readStored(zip.entry('a'), new Uint8Array(500), 299_501), /start is 299501/);
    assert.throws(() => zip.entry('d'), /has no entry 'd'/);
  });

  test("python reads what was written, and its own archives are read, zip64's among them", { skip }, () => {
    write({ a: [noise], b: [blank] });
    const check = spawnSync('python3', ['-m', 'zipfile', '-t', path], { encoding: 'utf8' });
    assert.match(check.stdout, /Done testing/);
    const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    for name, method in [('stored', 0), ('deflated', 8)]:
        i = zipfile.ZipInfo(name); i.compress_type = method
        with z.open(i, 'w', force_zip64=True) as f: f.write(bytes(range(256)) * 50)`;
    assert.equal(spawnSync('python3', ['-c', program, path]).status, 0);
    const expected = Uint8Array.from({ length: 12_800 }, (_, i) => i);
    assert.deepEqual(contents(), { stored: expected, deflated: expected });
  });

  test('an entry and an archive beyond 4 GiB are written with zip64 fields and read in place', {
    skip,
  }, () => {
    // Only the directory is real: the gigabytes are a hole in the file.
    const large = 2 ** 32 + 5;
    const chunk = new Uint8Array(2 ** 20);
    const file = openSync(path, 'w');
    let position = 0;
    const writer = new ZipWriter((bytes) => {
      if (bytes.length < chunk.length) writeSync(file, bytes, 0, bytes.length, position);
      position += bytes.length;
    });
    function* hole() {
      for (let left = large; left > 0; left -= chunk.length)
        yield chunk.subarray(0, Math.min(left, chunk.length));
    }
    writer.add('large', hole());
    writer.add('small', [Buffer.from('behind it')]);
    writer.end();
    ftruncateSync(file, position);
    closeSync(file);
    using zip = ZipFile.open(path);
    assert.equal(zip.entry('large').size, large);
    assert.equal(Buffer.from(zip.read(zip.entry('small'))).toString(), 'behind it');
    assert.deepEqual(
      zip.readStored(zip.entry('large'), new Uint8Array(4).fill(1), large - 4),
      new Uint8Array(4),
    );
    const program =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.getinfo("large").file_size, z.read("small"))';
    const { stdout, stderr } = spawnSync('python3', ['-c', program, path], { encoding: 'utf8' });
    assert.equal(stdout, `${large} b'behind it'\n`, stderr);
  });

  test('one bit anywhere in an entry is found', () => {
    for (const level of [0, 6] as const) {
      const whole = zipSync({ x: noise.subarray(0, 4000) }, { level });
      writeFileSync(path, whole);
      using intact = ZipFile.open(path);
      const { offset, compressedSize } = intact.entry('x');
      for (let place = offset; place < offset + compressedSize; place += 97) {
        const bytes = Uint8Array.from(whole);
        bytes[place]! ^= 1 << (place % 8);
        writeFileSync(path, bytes);
        using zip = ZipFile.open(path);
        try {
          // A few bits of deflate mean nothing, those after its end for example.
          assert.deepEqual(zip.read(zip.entry('x')), noise.subarray(0, 4000));
          assert.equal(level, 6);
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, /archive\.zip: 'x' is damaged: /);
        }
      }
    }
  });

  /** The directory's record of the first entry, changed. */
  const changed = (field: number, value: number, entries: Parameters<typeof zipSync>[0] = { x: noise }) => {
    const bytes = Buffer.from(zipSync(entries, { level: 0 }));
    bytes.writeUInt32LE(value, bytes.indexOf('PK\x01\x02', 0, 'latin1') + field);
    return bytes;
  };
  const named = (name: string) => zipSync({ [name]: noise }, { level: 0 });
  const twice = () => {
    const bytes = Buffer.from(zipSync({ x1: noise, x2: noise }, { level: 0 }));
    return Buffer.from(bytes.toString('latin1').replaceAll('x2', 'x1'), 'latin1');
  };
  /** Two entries that share their bytes: the second one's record points at the first one's data. */
  const shared = () => {
    const bytes = Buffer.from(zipSync({ x1: noise, x2: noise }, { level: 0 }));
    bytes.writeUInt32LE(0, bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1') + 42);
    return bytes;
  };
  const bomb = () => {
    const bytes = Buffer.from(zipSync({ x: new Uint8Array(1000) }));
    bytes.writeUInt32LE(2 ** 31, bytes.indexOf('PK\x01\x02', 0, 'latin1') + 24);
    return bytes;
  };
  const refusals: [string, Uint8Array, RegExp][] = [
    ['no zip', Buffer.from('no zip'), /is not a zip archive: it has no directory/],
    ['an empty file', new Uint8Array(0), /it has no directory/],
    ['the beginning of one', zipSync({ x: noise }).subarray(0, 2000), /it has no directory/],
    [
      'one behind other bytes',
      Buffer.concat([noise, zipSync({ x: noise })]),
      /entry 0 of its directory is damaged/,
    ],
    ['an encrypted entry', changed(8, 1), /'x' is encrypted/],
    ['a size that is not the stored one', changed(24, 5), /'x' is stored in 300000 bytes, but has 5/],
    ['an entry that ends behind the directory', changed(20, 400_000), /overlaps what follows it/],
    ['a place outside the file', changed(42, 0x7fffffff), /overlaps what follows it, or lies outside/],
    ['bytes that serve two entries', shared(), /overlaps what follows it/],
    ['a name twice', twice(), /two entries of the name 'x1'/],
    ['more than deflate can give', bomb(), /more than \d+ compressed ones can give/],
    ['a name of another folder', named('a/../../x'), /leads out of it: 'a\/\.\.\/\.\.\/x'/],
    ['a name from the root', named('/x'), /leads out of it/],
    ['a name with a drive', named('c:x'), /leads out of it/],
    ['a name that steers the terminal', named('\x1b[2J'), /the name of an entry is "\\u001b\[2J"/],
    ['a name with a backslash', named('a\\b'), /the name of an entry is/],
  ];
  for (const [what, bytes, message] of refusals)
    test(`refuses ${what}`, () => {
      writeFileSync(path, bytes);
      assert.throws(
        () => ZipFile.open(path),
        (error: Error) => {
          assert.ok(error instanceof FormatError, String(error.stack));
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('a method other than stored and deflated is refused when the entry is read', () => {
    const bytes = changed(10, 14);
    writeFileSync(path, bytes);
    using zip = ZipFile.open(path);
    assert.throws(() => zip.read(zip.entry('x')), /compressed with method 14; expected stored or deflated/);
  });

  test('a damaged archive is read or refused, and nothing else happens', () => {
    const wholes = [0, 6].map((level) =>
      zipSync({ x: noise.subarray(0, 99), y: blank.subarray(0, 300) }, { level } as never),
    );
    const damage = fc.record({
      whole: fc.constantFrom(...wholes),
      flips: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
      length: fc.oneof(fc.constant(1000), fc.nat(400)),
    });
    fc.assert(
      fc.property(damage, ({ whole, flips, length }) => {
        const bytes = Uint8Array.from(whole);
        for (const [place, value] of flips) if (place < bytes.length) bytes[place] = value;
        writeFileSync(path, bytes.subarray(0, length));
        try {
          contents();
        } catch (error) {
          assert.ok(error instanceof IncacheError, String((error as Error).stack));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a file that is closed, missing or no file says so', () => {
    write({ x: [noise] });
    const zip = ZipFile.open(path);
    zip.close();
    assert.throws(() => zip.read(zip.entry('x')), /has been closed/);
    assert.throws(() => ZipFile.open(folder), /it is not a file/);
    assert.throws(() => ZipFile.open(join(folder, 'missing')), /cannot read .*missing: ENOENT/);
    assert.ok(readFileSync(path).length > 0);
  });
});
