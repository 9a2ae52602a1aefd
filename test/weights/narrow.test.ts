import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { roundBf16 } from '../../src/backend/bf16.js';
import { roundF16 } from '../../src/backend/f16.js';
import { widenToFloat32 } from '../../src/weights/dtypes.js';
import { narrowFloat32 } from '../../src/weights/narrow.js';

describe('float32 in 16 bits', () => {
  for (const [dtype, round] of [
    ['F16', roundF16],
    ['BF16', roundBf16],
  ] as const) {
    const widened = (values: Float32Array) => {
      const bits = narrowFloat32('x', dtype, values);
      return widenToFloat32(dtype, new Uint8Array(bits.buffer));
    };

    test(`every ${dtype} and the places between two are rounded as on the host`, () => {
      const all = widenToFloat32(
        dtype,
        new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer),
      );
      // NaN may lose its payload.
      const numbers = all.filter((value) => !Number.isNaN(value));
      assert.deepEqual(widened(numbers), numbers);
      const finite = numbers.filter(Number.isFinite);
      const next = (value: number, by: number) => {
        const float = Float32Array.of(value);
        new Uint32Array(float.buffer)[0]! += by;
        return float[0]!;
      };
      // The lower 13 or 16 bits of a float32 are those that go: ties, and one on each side of them.
      const tie = dtype === 'F16' ? 0x1000 : 0x8000;
      for (const by of [1, tie - 1, tie, tie + 1]) {
        const values = finite
          .map((value) => next(value, by))
          .filter((value) => Number.isFinite(round(value)));
        assert.deepEqual([...widened(values)], [...values.map(round)]);
      }
    });

    test(`${dtype}: infinity and NaN stay, a finite value beyond the largest is refused`, () => {
      const values = Float32Array.of(
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        -0,
        1e-30,
      );
      assert.deepEqual([...widened(values)], [...values.map(round)]);
      assert.throws(() => narrowFloat32('x', dtype, Float32Array.of(1, -3.4e38)), {
        name: 'FormatError',
        message: new RegExp(`^x holds -3\\.39.*, which is beyond the range of ${dtype}$`),
      });
    });
  }
});
