import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArgumentError, FormatError, IncacheError } from '../../src/errors.js';
import { DTYPE_BYTES, DTYPES, type Dtype } from '../../src/weights/dtypes.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
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

describe('safetensors', () => {
  test('what is written is read back, whatever the type and shape', () => {
    const tensor = fc.record({
      dtype: fc.constantFrom(...DTYPES),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(tensor, { maxLength: 5 }), fc.boolean(), (tensors, lazily) => {
        const list = tensors.map(({ dtype, shape }, i) => {
          const bytes = shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype]);
          const data = Uint8Array.from({ length: bytes }, (_, j) => (i * 31 + j * 7) % 120);
          return { name: `t${i}`, dtype, shape, data: lazily ? () => data : data, bytes: data };
        });
        writeSafetensors(path, list, { note: 'round trip' });
        using file = SafetensorsFile.open(path);
        assert.deepEqual(file.metadata, { note: 'round trip' });
        for (const { name, dtype, shape, bytes } of list) {
          assert.deepEqual([file.entry(name).dtype, file.entry(name).shape], [dtype, shape]);
          assert.deepEqual(file.readBytes(name), bytes);
        }
      }),
    );
  });

  test('values are widened to float32 and float64', () => {
    const write = (dtype: Dtype, data: ArrayBufferView & { length: number }) => {
      writeSafetensors(path, [{ name: 'x', dtype, shape: [data.length], data }]);
      return SafetensorsFile.open(path);
    };
    assert.deepEqual(
      [...write('F32', Float32Array.of(1.5, -0, Number.NaN)).read('x')],
      [1.5, -0, Number.NaN],
    );
    assert.deepEqual([...write('F64', Float64Array.of(0.1)).read('x')], [Math.fround(0.1)]);
    assert.deepEqual([...write('F64', Float64Array.of(0.1)).readFloat64('x')], [0.1]);
    assert.deepEqual([...write('I64', BigInt64Array.of(-3n, 5n)).read('x')], [-3, 5]);
    assert.deepEqual([...write('U8', Uint8Array.of(0, 255)).readFloat64('x')], [0, 255]);
    const extremes: [Dtype, ArrayBufferView & { length: number }, number[]][] = [
      ['I8', Int8Array.of(-128, 127), [-128, 127]],
      ['U8', Uint8Array.of(0, 255), [0, 255]],
      ['I16', Int16Array.of(-32768, 32767), [-32768, 32767]],
      ['U16', Uint16Array.of(0, 65535), [0, 65535]],
      ['I32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [-(2 ** 31), 2 ** 31 - 1]],
      ['U32', Uint32Array.of(0, 2 ** 32 - 1), [0, 2 ** 32 - 1]],
      ['I64', BigInt64Array.of(-(2n ** 53n) + 1n, 2n ** 53n - 1n), [-(2 ** 53) + 1, 2 ** 53 - 1]],
      ['U64', BigUint64Array.of(0n, 2n ** 53n - 1n), [0, 2 ** 53 - 1]],
    ];
    assert.deepEqual([...write('U64', BigUint64Array.of(2n ** 63n)).readFloat64('x')], [2 ** 63]);
    for (const [dtype, data, expected] of extremes) {
      using file = write(dtype, data);
      assert.deepEqual(file.readIntegers('x'), expected, dtype);
      assert.deepEqual([...file.read('x')], expected.map(Math.fround), dtype);
    }
  });

  test('every float16 and bfloat16 is exact', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    writeSafetensors(path, [
      { name: 'f16', dtype: 'F16', shape: [65536], data: halves },
      { name: 'bf16', dtype: 'BF16', shape: [65536], data: halves },
    ]);
    using file = SafetensorsFile.open(path);
    const [f16, bf16] = [file.read('f16'), file.read('bf16')];
    for (let i = 0; i < 65536; i++) {
      assert.ok(Object.is(f16[i], byDefinition(i, 5, 10)), `float16 ${i}: ${f16[i]}`);
      assert.ok(Object.is(bf16[i], byDefinition(i, 8, 7)), `bfloat16 ${i}: ${bf16[i]}`);
    }
  });

  test('integers must be integers, and representable', () => {
    writeSafetensors(path, [
      { name: 'f', dtype: 'F32', shape: [1], data: new Float32Array(1) },
      { name: 'large', dtype: 'I64', shape: [1], data: BigInt64Array.of(2n ** 60n) },
      { name: 'odd', dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 53n + 1n) },
    ]);
    using file = SafetensorsFile.open(path);
    assert.throws(() => file.readIntegers('f'), /'f' is F32; expected integers/);
    assert.throws(() => file.readIntegers('large'), /'large' holds .* beyond 2\^53/);
    assert.throws(() => file.readIntegers('odd'), /'odd' holds .* beyond 2\^53/);
    assert.throws(() => file.read('none'), /no tensor 'none'/);
  });

  test('reading after closing is refused', () => {
    writeSafetensors(path, [{ name: 'x', dtype: 'F32', shape: [1], data: new Float32Array(1) }]);
    const file = SafetensorsFile.open(path);
    file.close();
    file.close();
    assert.throws(() => file.read('x'), { name: 'IncacheError', message: `${path} has been closed` });
  });

  test('a tensor that does not fill its shape is not written', () => {
    const spoilt = join(folder, 'spoilt.safetensors');
    const tensor = { name: 'x', dtype: 'F32', shape: [3], data: new Float32Array(2) } as const;
    assert.throws(
      () => writeSafetensors(spoilt, [tensor]),
      /tensor 'x' of shape \[3\] needs 12 bytes, not 8/,
    );
    assert.throws(() => readFileSync(spoilt), { code: 'ENOENT' });
  });

  test('a failure in the middle of writing leaves the old file and nothing else', () => {
    const inner = join(folder, 'writing');
    mkdirSync(inner);
    const place = join(inner, 'file.safetensors');
    const a = { name: 'a', dtype: 'U8', shape: [1], data: Uint8Array.of(7) } as const;
    writeSafetensors(place, [a]);
    const old = readFileSync(place);
    const fail = (): never => {
      throw new RangeError('out of data');
    };
    assert.throws(() => writeSafetensors(place, [a, { ...a, name: 'b', data: fail }]), RangeError);
    assert.deepEqual(readFileSync(place), old);
    assert.deepEqual(readdirSync(inner), ['file.safetensors']);
  });

  test('parts of a tensor end where the tensor ends', () => {
    writeSafetensors(path, [
      { name: 'a', dtype: 'U8', shape: [4], data: Uint8Array.of(1, 2, 3, 4) },
      { name: 'b', dtype: 'U8', shape: [2], data: Uint8Array.of(5, 6) },
    ]);
    using file = SafetensorsFile.open(path);
    assert.deepEqual([...file.readBytes('a', new Uint8Array(2), 1)], [2, 3]);
    assert.deepEqual([...file.readBytes('a', new Uint8Array(6), 2)], [3, 4]);
    assert.deepEqual([...file.readBytes('a', undefined, 3)], [4]);
    for (const start of [-1, 5, 0.5])
      assert.throws(() => file.readBytes('a', undefined, start), ArgumentError);
  });

  test('a name that JavaScript objects treat specially is a name like others', () => {
    const names = ['__proto__', '1', '0', 'constructor'];
    const tensors = names.map(
      (name, i) => ({ name, dtype: 'U8', shape: [1], data: Uint8Array.of(i) }) as const,
    );
    writeSafetensors(path, tensors);
    using file = SafetensorsFile.open(path);
    assert.deepEqual(
      names.map((name) => file.read(name)[0]),
      [0, 1, 2, 3],
    );
  });

  const one: TensorToWrite = { name: 'a', dtype: 'F32', shape: [1], data: new Float32Array(1) };
  const unwritable: [string, TensorToWrite[], unknown, RegExp][] = [
    ['a name twice', [one, one], {}, /^name of a tensor is 'a'; expected one that no other has/],
    [
      'the name of the metadata',
      [{ ...one, name: '__metadata__' }],
      {},
      /^name of a tensor is '__metadata__'/,
    ],
    [
      'an unknown type',
      [{ ...one, dtype: 'Q4' as Dtype }],
      {},
      /^dtype of tensor 'a' is 'Q4'; expected one of F64/,
    ],
    ['two negative sizes', [{ ...one, shape: [-1, -1] }], {}, /^size of tensor 'a' is -1/],
    [
      'an endless shape',
      [{ ...one, shape: [2 ** 52, 2] }],
      {},
      /^shape of tensor 'a' is .* at most 2\^53 bytes/,
    ],
    ['no data', [{ ...one, data: undefined as never }], {}, /^data of tensor 'a' is missing/],
    ['metadata that are no texts', [one], { epoch: 3 }, /^metadata 'epoch' is 3; expected a text/],
  ];
  for (const [what, tensors, metadata, message] of unwritable)
    test(`does not write ${what}`, () => {
      assert.throws(
        () => writeSafetensors(join(folder, 'unwritable'), tensors, metadata as Record<string, string>),
        (error: Error) => {
          assert.ok(error instanceof ArgumentError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
      assert.throws(() => readFileSync(join(folder, 'unwritable')), { code: 'ENOENT' });
    });

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

/** A small float by its definition: sign, exponent and fraction. */
function byDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 2 ** exponentBits - 1)
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}
