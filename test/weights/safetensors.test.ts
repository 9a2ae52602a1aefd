/** Safetensors files are written and read back, exactly, and what cannot be written is refused. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArgumentError } from '../../src/errors.js';
import { DTYPE_BYTES, DTYPES, type Dtype } from '../../src/weights/dtypes.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const path = join(folder, 'file.safetensors');

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
