import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { normals, philox4x32, uniforms } from '../../src/diffusion/philox.js';
import { ArgumentError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';

describe('Philox4x32-10', () => {
  const ones = 0xffffffff;
  /** The known answers that Random123 publishes. */
  const known = [
    { counter: [0, 0, 0, 0], key: [0, 0], answer: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
    {
      counter: [ones, ones, ones, ones],
      key: [ones, ones],
      answer: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      answer: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ] as const;
  for (const { counter, key, answer } of known)
    test(`known answer ${answer[0].toString(16)}`, () => assert.deepEqual(philox4x32(counter, key), answer));
});

describe('normal deviates', () => {
  const COUNT = 200_000;

  test('are the same in every release and on every machine', () => {
    // From an implementation of its own, in Python with integers of any size.
    const first = [0.9911376790966604, -0.9246625882436951, -0.6176089596525953, -0.4820685869111552];
    assertClose(normals(0, 0, 0, 4), first, 1e-7, 'seed 0');
    const last = [-0.3123146848953698, 0.92235753265384, 1.9265688160584626, -0.9998364186975828];
    const next = [-0.4113368602905543, -0.4706329503535364];
    assertClose(normals(2 ** 53 - 1, 7, 3, 6), [...last, ...next], 1e-7, 'seed 2^53 - 1');
  });

  test('are refused for a seed, stream, image or count that no counter holds', () => {
    const bad: [string, [number, number, number, number]][] = [
      ['seed', [-1, 0, 0, 1]],
      ['seed', [2 ** 53, 0, 0, 1]],
      ['seed', [0.5, 0, 0, 1]],
      ['stream', [0, -1, 0, 1]],
      ['stream', [0, 2 ** 32, 0, 1]],
      ['image', [0, 0, 2 ** 32, 1]],
      ['image', [0, 0, Number.NaN, 1]],
      ['count', [0, 0, 0, -1]],
    ];
    for (const [argument, values] of bad)
      for (const draw of [normals, uniforms])
        assert.throws(
          () => draw(...values),
          (error: Error) => error instanceof ArgumentError && error.argument === argument,
        );
  });

  test('have the moments of a standard normal', () => {
    const values = normals(11, 0, 3, COUNT);
    const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / COUNT;
    // Five standard errors each.
    assert.ok(Math.abs(moment(1)) < 5 / Math.sqrt(COUNT));
    assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / COUNT));
    assert.ok(Math.abs(moment(3)) < 5 * Math.sqrt(15 / COUNT));
    assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / COUNT));
  });

  test('of neighbouring images, streams and seeds are uncorrelated', () => {
    const values = normals(11, 0, 3, COUNT);
    for (const other of [
      normals(11, 0, 4, COUNT),
      normals(11, 1, 3, COUNT),
      normals(12, 0, 3, COUNT),
      normals(11 + 2 ** 32, 0, 3, COUNT),
    ]) {
      const correlation = values.reduce((sum, x, i) => sum + x * other[i]!, 0) / COUNT;
      assert.ok(Math.abs(correlation) < 5 / Math.sqrt(COUNT), `correlation ${correlation}`);
      // Dependent in size though not in sign: each square has variance 2.
      const squares = values.reduce((sum, x, i) => sum + (x * x - 1) * (other[i]! ** 2 - 1), 0) / COUNT;
      assert.ok(Math.abs(squares) < 10 / Math.sqrt(COUNT), `correlation of squares ${squares}`);
    }
  });

  test('fewer are the beginning of more', () => {
    const many = normals(5, 2, 1, 19);
    for (let count = 0; count < 19; count++) assert.deepEqual(normals(5, 2, 1, count), many.slice(0, count));
  });

  test('uniforms fill [0, 1) evenly', () => {
    const bins = new Array<number>(16).fill(0);
    for (const value of uniforms(3, 0, 0, COUNT)) bins[Math.floor(value * 16)]!++;
    const expected = COUNT / 16;
    const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chiSquare < 50, `chi square ${chiSquare} with 15 degrees of freedom`);
  });
});
