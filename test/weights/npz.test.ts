import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { unzipSync, zipSync } from 'fflate';
import { ArgumentError, FormatError } from '../../src/errors.js';
import { type NumpyData, readNpz, writeNpz } from '../../src/weights/npz.js';
import { temporaryFolder } from '../support/folder.js';

describe('npz', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'arrays.npz');

  /** An .npy file with any header text. */
  const npy = (text: string, data: Uint8Array): Uint8Array => {
    const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, 'latin1');
    header.writeUInt16LE(text.length + 1, 8);
    return Buffer.concat([header, data]);
  };

  test('arrays are read back as they were written', () => {
    const makers = [
      (n: number) => Float32Array.from({ length: n }, (_, i) => i / 3),
      (n: number) => Float64Array.from({ length: n }, (_, i) => i / 3),
      (n: number) => Int32Array.from({ length: n }, (_, i) => -i),
      (n: number) => BigInt64Array.from({ length: n }, (_, i) => BigInt(-i)),
      (n: number) => Uint8Array.from({ length: n }, (_, i) => i),
    ];
    const array = fc
      .record({
        shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
        make: fc.constantFrom(...makers),
      })
      .map(({ shape, make }) => ({ shape, data: make(shape.reduce((a, b) => a * b, 1)) }));
    fc.assert(
      fc.property(array, array, (a, b) => {
        writeNpz(path, { a, b });
        assert.deepEqual(Object.fromEntries(readNpz(path)), { a, b });
      }),
    );
  });

  test('the layout is that of the .npy format, version 1', () => {
    writeNpz(path, { x: { shape: [3], data: Float32Array.of(1, 2, 3) } });
    const bytes = Buffer.from(unzipSync(readFileSync(path))['x.npy']!);
    const headerBytes = bytes.readUInt16LE(8);
    assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x93NUMPY\x01\x00');
    assert.equal((10 + headerBytes) % 64, 0);
    const header = bytes.subarray(10, 10 + headerBytes).toString('latin1');
    assert.match(header, /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3,\), \} *\n$/);
    assert.equal(bytes.length, 10 + headerBytes + 12);
  });

  test('version 2, whose header has a longer length, is read', () => {
    const text = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1), }\n";
    const start = Buffer.from('\x93NUMPY\x02\x00\x00\x00\x00\x00', 'latin1');
    start.writeUInt32LE(text.length, 8);
    const data = new Uint8Array(Int32Array.of(-5, 9).buffer);
    writeFileSync(path, zipSync({ 'x.npy': Buffer.concat([start, Buffer.from(text), data]) }));
    assert.deepEqual(Object.fromEntries(readNpz(path)), { x: { shape: [2, 1], data: Int32Array.of(-5, 9) } });
  });

  test('data that do not fill their shape, or are of another type, are not written', () => {
    const spoilt = join(folder, 'spoilt.npz');
    const cases: [NumpyData, RegExp][] = [
      [new Float32Array(2), /^array 'x' is '2 values'; expected 3 values, of shape \[3\]/],
      [new Uint16Array(3) as never, /^array 'x' is 'Uint16Array'; expected a Float32Array/],
    ];
    for (const [data, message] of cases)
      assert.throws(
        () => writeNpz(spoilt, { x: { shape: [3], data } }),
        (error: Error) => {
          assert.ok(error instanceof ArgumentError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    assert.ok(!existsSync(spoilt));
  });

  test('a damaged file is read or refused, and nothing else happens', () => {
    writeNpz(path, { x: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } });
    const whole = readFileSync(path);
    const damage = fc.record({
      flips: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 3 }),
      length: fc.oneof(fc.constant(whole.length), fc.nat(whole.length)),
    });
    fc.assert(
      fc.property(damage, ({ flips, length }) => {
        const bytes = Buffer.from(whole);
        for (const [place, value] of flips) bytes[place] = value;
        writeFileSync(path, bytes.subarray(0, length));
        try {
          readNpz(path);
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  const header = (descr: string, order: string, shape: string) =>
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const refusals: [string, Uint8Array, RegExp][] = [
    ['no zip', Buffer.from('no zip'), /is not an \.npz file/],
    ['no array', zipSync({ 'x.npy': Buffer.from('nothing at all') }), /'x\.npy' is not a \.npy array/],
    [
      'Fortran order',
      zipSync({ 'x.npy': npy(header('<f4', 'True', '(1,)'), new Uint8Array(4)) }),
      /Fortran order/,
    ],
    [
      'an unknown type',
      zipSync({ 'x.npy': npy(header('>f4', 'False', '(1,)'), new Uint8Array(4)) }),
      /has type >f4/,
    ],
    [
      'missing data',
      zipSync({ 'x.npy': npy(header('<f4', 'False', '(2,)'), new Uint8Array(4)) }),
      /needs 8 bytes, but has 4/,
    ],
    [
      'a version to come',
      zipSync({ 'x.npy': Buffer.from('\x93NUMPY\x04\x00\x00\x00\x00\x00', 'latin1') }),
      /is of version 4 of the \.npy format/,
    ],
    ['a strange header', zipSync({ 'x.npy': npy('{}', new Uint8Array(4)) }), /header that is not numpy's/],
  ];
  for (const [what, bytes, message] of refusals)
    test(`refuses ${what}`, () => {
      writeFileSync(path, bytes);
      assert.throws(
        () => readNpz(path),
        (error: Error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
});
