import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { unzipSync, zipSync } from 'fflate';
import { ArgumentError, FormatError } from '../../src/errors.js';
import { NpzFile, type NumpyData, writeNpz } from '../../src/weights/npz.js';
import { temporaryFolder } from '../support/folder.js';
import { readNpz } from '../support/npz.js';

describe('npz', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'arrays.npz');

  /** An .npy file with any header text. */
  const npy = (text: string, data: Uint8Array): Uint8Array => {
    const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, 'latin1');
    header.writeUInt16LE(text.length + 1, 8);
    return Buffer.concat([header, data]);
  };

  const header = (descr: string, order: string, shape: string) =>
    `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

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

  test('npz-types: every type of number in either byte order and order of elements is read', () => {
    const values = [0, 1, 1, 0, 1, 0];
    const types: [string, (buffer: DataView, at: number, value: number, little: boolean) => void, number][] =
      [
        ['b1', (view, at, value) => view.setUint8(at, value), 1],
        ['i1', (view, at, value) => view.setInt8(at, -value), 1],
        ['u1', (view, at, value) => view.setUint8(at, 255 * value), 1],
        ['i2', (view, at, value, little) => view.setInt16(at, -300 * value, little), 2],
        ['u2', (view, at, value, little) => view.setUint16(at, 60_000 * value, little), 2],
        ['i4', (view, at, value, little) => view.setInt32(at, -70_000 * value, little), 4],
        ['u4', (view, at, value, little) => view.setUint32(at, 4e9 * value, little), 4],
        ['i8', (view, at, value, little) => view.setBigInt64(at, BigInt(-5e9 * value), little), 8],
        ['u8', (view, at, value, little) => view.setBigUint64(at, BigInt(5e9 * value), little), 8],
        ['f2', (view, at, value, little) => view.setUint16(at, value * 0x3e00, little), 2],
        ['f4', (view, at, value, little) => view.setFloat32(at, value / 4, little), 4],
        ['f8', (view, at, value, little) => view.setFloat64(at, value / 3, little), 8],
      ];
    const scales = [1, -1, 255, -300, 60_000, -70_000, 4e9, -5e9, 5e9, 1.5, 1 / 4, 1 / 3];
    const fortran = [values[0]!, values[3]!, values[1]!, values[4]!, values[2]!, values[5]!];
    for (const [i, [type, set, bytes]] of types.entries())
      for (const order of bytes === 1 ? ['|'] : ['<', '>'])
        for (const [name, stored] of Object.entries({ False: values, True: fortran })) {
          const data = new Uint8Array(6 * bytes);
          for (const [at, value] of stored.entries())
            set(new DataView(data.buffer), at * bytes, value, order === '<');
          writeFileSync(path, zipSync({ 'x.npy': npy(header(order + type, name, '(2, 3)'), data) }));
          using file = NpzFile.open(path);
          const expected = values.map((value) => value * scales[i]!);
          assert.deepEqual(
            [...file.readFloat64('x')].map((value) => value + 0),
            expected.map((value) => value + 0),
            order + type,
          );
          assert.deepEqual(
            [...file.readFloat32('x')],
            expected.map((value) => Math.fround(value) + 0),
            order + type,
          );
        }
  });

  test('rows come in C order, a few at a time, whatever the order in the file', () => {
    const shape = [5, 2, 3];
    const values = Int32Array.from({ length: 30 }, (_, i) => i * 1001);
    const transposed = new Int32Array(30);
    for (let i = 0; i < 5; i++)
      for (let j = 0; j < 2; j++)
        for (let k = 0; k < 3; k++) transposed[i + 5 * (j + 2 * k)] = values[(i * 2 + j) * 3 + k]!;
    const bytes = (array: Int32Array) => new Uint8Array(array.buffer);
    writeFileSync(
      path,
      zipSync({
        'c.npy': npy(header('<i4', 'False', '(5, 2, 3)'), bytes(values)),
        'f.npy': npy(header('<i4', 'True', '(5, 2, 3)'), bytes(transposed)),
      }),
    );
    using file = NpzFile.open(path);
    for (const name of ['c', 'f']) {
      assert.deepEqual(file.header(name).shape, shape);
      const pieces = [...file.rows(name, 2)];
      assert.deepEqual(
        pieces.map(({ length }) => length),
        [48, 48, 24],
      );
      assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes(values)));
    }
  });

  test('npz-bit-flip: a bit of an array that is read is found, of one that is not it does no harm', () => {
    const data = Float64Array.from({ length: 400 }, (_, i) => Math.sin(i));
    for (const level of [0, 6] as const) {
      const values = new Uint8Array(data.buffer);
      const array = npy(header('<f8', 'False', '(400,)'), values);
      const whole = zipSync({ 'sigma.npy': array, 'mu.npy': array }, { level });
      const bytes = Uint8Array.from(whole);
      bytes[1500]! ^= 4;
      writeFileSync(path, bytes);
      using file = NpzFile.open(path);
      assert.deepEqual(file.readFloat64('mu'), data);
      assert.throws(
        () => file.readFloat64('sigma'),
        (error: Error) =>
          error instanceof FormatError && /arrays\.npz: 'sigma\.npy' is damaged: /.test(error.message),
      );
      if (level === 0)
        assert.throws(() => file.readFloat64('sigma'), /its checksum is [0-9a-f]{8} instead of/);
    }
  });

  const refusals: [string, Uint8Array, RegExp][] = [
    ['no zip', Buffer.from('no zip'), /is not an \.npz file/],
    ['no array', zipSync({ 'x.npy': Buffer.from('nothing at all') }), /'x\.npy' is not a \.npy array/],
    [
      'complex numbers',
      zipSync({ 'x.npy': npy(header('<c8', 'False', '(1,)'), new Uint8Array(8)) }),
      /has type '<c8'; expected a number of b1, i1/,
    ],
    [
      'records',
      zipSync({
        'x.npy': npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", new Uint8Array(4)),
      }),
      /has type \[\('a', '<f4'\)\]; expected a number/,
    ],
    [
      'a type of a name that objects have',
      zipSync({ 'x.npy': npy(header('constructor', 'False', '(1,)'), new Uint8Array(4)) }),
      /has type 'constructor'; expected a number/,
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
