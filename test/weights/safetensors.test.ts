import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FormatError, IncacheError } from '../../src/errors.js';
import { DTYPE_BYTES, type Dtype } from '../../src/weights/dtypes.js';
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

describe('safetensors', () => {
  test('what is written is read back, whatever the type and shape', () => {
    const tensor = fc.record({
      dtype: fc.constantFrom<Dtype>('F32', 'F16', 'BF16', 'F64', 'I64', 'I32', 'I16', 'I8', 'U8'),
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
    assert.deepEqual(write('I32', Int32Array.of(-7)).readIntegers('x'), [-7]);
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
    ]);
    using file = SafetensorsFile.open(path);
    assert.throws(() => file.readIntegers('f'), /'f' is F32; expected integers/);
    assert.throws(() => file.readIntegers('large'), /'large' holds .* beyond 2\^53/);
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
      /'x' of shape .* but its data_offsets span 8/,
    ],
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
