/** Safetensors files that are damaged, absent or lie are refused with a sentence. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FormatError, IncacheError } from '../../src/errors.js';
import { DTYPES } from '../../src/weights/dtypes.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const path = join(folder, 'file.safetensors');

/** A file with any header and `dataBytes` bytes of data. */
function writeRaw(header: string, dataBytes: number, claimed = BigInt(Buffer.byteLength(header))): void {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed);
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(dataBytes)]));
}

const entry = (dtype: unknown, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });

describe('damaged safetensors', () => {
  const good = entry('F32', [2], [0, 8]);
  const refusals: [string, () => void, RegExp][] = [
    ['an empty file', () => writeFileSync(path, ''), /it has only 0 bytes/],
    ['a header past the end', () => writeRaw('{}', 0, 3n), /header claims 3 bytes, of at most 2/],
    ['a header of 2^60 bytes', () => writeRaw('{}', 0, 2n ** 60n), /header claims 1152921504606846976 bytes/],
    ['no JSON', () => writeRaw('{"x"', 0), /the header is not JSON/],
    ['a JSON list', () => writeRaw('[]', 0), /not a JSON object/],
    ['a tensor that is no object', () => writeRaw('{"x": 1}', 0), /'x' is not an object/],
    [
      'no dtype',
      () => writeRaw(JSON.stringify({ x: { ...good, dtype: undefined } }), 8),
      /'x' has dtype undefined/,
    ],
    [
      'an unknown dtype',
      () => writeRaw(JSON.stringify({ x: entry('F31', [2], [0, 8]) }), 8),
      /'x' has dtype "F31"/,
    ],
    ['no shape', () => writeRaw(JSON.stringify({ x: entry('F32', 2, [0, 8]) }), 8), /'x' has shape 2/],
    [
      'a negative size',
      () => writeRaw(JSON.stringify({ x: entry('F32', [-2], [0, 8]) }), 8),
      /'x' has shape \[-2\]/,
    ],
    [
      'a fractional size',
      () => writeRaw(JSON.stringify({ x: entry('F32', [0.5], [0, 2]) }), 2),
      /'x' has shape/,
    ],
    [
      '2^60 bytes',
      () => writeRaw(JSON.stringify({ x: entry('F32', [2 ** 29, 2 ** 29], [0, 2 ** 60]) }), 8),
      /'x' has data_offsets \[0,11529215046068\d+\]/,
    ],
    [
      'sizes whose product overflows',
      () => writeRaw(JSON.stringify({ x: entry('F32', [2 ** 40, 2 ** 40, 0.5], [0, 8]) }), 8),
      /'x' has shape/,
    ],
    [
      'a product beyond 2^53',
      () => writeRaw(JSON.stringify({ x: entry('F32', [2 ** 40, 2 ** 40], [0, 8]) }), 8),
      /'x' of shape .* has more than 2\^53 bytes/,
    ],
    [
      'an empty tensor whose other sizes overflow',
      () => writeRaw(JSON.stringify({ x: entry('F32', [2 ** 40, 2 ** 40, 0], [0, 0]) }), 0),
      /'x' of shape .* has more than 2\^53 bytes/,
    ],
    [
      'a size of -0',
      () => writeRaw('{"x": {"dtype": "U8", "shape": [-0], "data_offsets": [0, 0]}}', 0),
      /'x' has shape/,
    ],
    [
      'no data_offsets',
      () => writeRaw(JSON.stringify({ x: { dtype: 'F32', shape: [2] } }), 8),
      /'x' has data_offsets undefined/,
    ],
    [
      'a name twice, for the same bytes',
      () => writeRaw(`{"x": ${JSON.stringify(good)}, "\\u0078": ${JSON.stringify(good)}}`, 8),
      /it has two entries of the name 'x'/,
    ],
    [
      'a shape too deep for a recursive walk',
      () =>
        writeRaw(
          `{"x": {"dtype": "F32", "shape": ${'['.repeat(1e5)}${']'.repeat(1e5)}, "data_offsets": [0, 0]}}`,
          0,
        ),
      /nested more than 16 deep/,
    ],
    ['a byte order mark', () => writeRaw('\ufeff{}', 0), /the header is not JSON/],
    ['metadata that are a list', () => writeRaw('{"__metadata__": []}', 0), /__metadata__ is not an object/],
    [
      'reversed offsets',
      () => writeRaw(JSON.stringify({ x: entry('F32', [2], [8, 0]) }), 8),
      /'x' has data_offsets/,
    ],
    [
      'offsets past the end',
      () => writeRaw(JSON.stringify({ x: entry('F32', [3], [0, 12]) }), 8),
      /outside the 8 bytes/,
    ],
    [
      'a shape that lies',
      () => writeRaw(JSON.stringify({ x: entry('F32', [1], [0, 8]) }), 8),
      /needs 4 bytes, .* span 8/,
    ],
    [
      'overlaps',
      () => writeRaw(JSON.stringify({ x: good, y: entry('F32', [2], [4, 12]) }), 12),
      /'y' overlaps/,
    ],
    [
      'holes',
      () => writeRaw(JSON.stringify({ x: good, y: entry('F32', [1], [12, 16]) }), 16),
      /4 bytes before tensor 'y'/,
    ],
    [
      'bytes at the end',
      () => writeRaw(JSON.stringify({ x: good }), 9),
      /the last 1 bytes belong to no tensor/,
    ],
    [
      'metadata that are no texts',
      () => writeRaw('{"__metadata__": {"a": 1}}', 0),
      /__metadata__ 'a' is not a string/,
    ],
    [
      'a header that is no UTF-8',
      () => writeFileSync(path, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])),
      /not UTF-8/,
    ],
  ];
  for (const [what, write, message] of refusals)
    test(`refuses ${what}`, () => {
      write();
      assert.throws(
        () => SafetensorsFile.open(path),
        (error: Error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.ok(error.message.startsWith(path), error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('refuses a header over 100 MB, even one that is there', () => {
    writeRaw('{}', 0, 100_000_001n);
    truncateSync(path, 8 + 100_000_001);
    assert.throws(() => SafetensorsFile.open(path), /header claims 100000001 bytes, of at most 100000000/);
  });

  test('a message neither fills nor steers the terminal', () => {
    writeRaw(JSON.stringify({ [`\u001b[2J\n${'x'.repeat(1e5)}`]: entry('F32', [-1], [0, 0]) }), 0);
    assert.throws(
      () => SafetensorsFile.open(path),
      (error: Error) => {
        assert.ok(error.message.includes("tensor '\\u001b[2J\\nxxx"), error.message);
        assert.ok(error.message.length < path.length + 400);
        return true;
      },
    );
  });

  test('a header of any JSON is refused, or describes all of the data', () => {
    const size = fc.oneof(
      { weight: 4, arbitrary: fc.nat(3) },
      fc.constantFrom(-1, 0.5, 2 ** 40, Number.MAX_SAFE_INTEGER, 1e300),
    );
    const anyEntry = fc.record(
      {
        dtype: fc.oneof({ weight: 6, arbitrary: fc.constantFrom<unknown>(...DTYPES) }, fc.jsonValue()),
        shape: fc.oneof({ weight: 6, arbitrary: fc.array(size, { maxLength: 3 }) }, fc.jsonValue()),
        data_offsets: fc.oneof({ weight: 6, arbitrary: fc.tuple(size, size) }, fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const name = fc.constantFrom('a', 'b', '__metadata__', '__proto__', '');
    const headers = fc.oneof(
      fc.dictionary(name, fc.oneof(anyEntry, fc.jsonValue()), { maxKeys: 3 }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(headers, fc.nat(8), (header, dataBytes) => {
        writeRaw(JSON.stringify(header), dataBytes);
        try {
          using file = SafetensorsFile.open(path);
          let bytes = 0;
          for (const [tensor, { shape, byteLength }] of file.tensors) {
            assert.equal(
              file.read(tensor).length,
              shape.reduce((a, b) => a * b, 1),
            );
            bytes += byteLength;
          }
          assert.equal(bytes, dataBytes);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('refuses a folder and a missing file by name', () => {
    mkdirSync(join(folder, 'inner'), { recursive: true });
    for (const name of ['inner', 'missing'])
      assert.throws(
        () => SafetensorsFile.open(join(folder, name)),
        (error: Error) => {
          assert.ok(error instanceof IncacheError);
          assert.ok(error.message.startsWith(`cannot read ${join(folder, name)}`));
          return true;
        },
      );
  });

  test('a damaged file is read or refused, and nothing else happens', () => {
    writeSafetensors(path, [
      { name: 'a', dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      { name: 'b', dtype: 'BF16', shape: [5], data: new Uint16Array(5) },
    ]);
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
          using file = SafetensorsFile.open(path);
          for (const name of file.tensors.keys()) file.read(name);
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error));
        }
      }),
      { numRuns: 1500 },
    );
  });
});
