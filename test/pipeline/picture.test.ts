/** Grids of pictures. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'fast-png';
import { grid, Picture } from '../../src/index.js';

const black = (width: number, height: number, channels: 1 | 3 = 3) =>
  new Picture(width, height, channels, new Uint8Array(width * height * channels));

test('a PNG holds the picture, grey or of colours', () => {
  for (const channels of [1, 3] as const) {
    const [width, height] = [7, 5];
    const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (37 * i) % 256);
    const png = decode(new Picture(width, height, channels, data).toPng(), { checkCrc: true });
    assert.deepEqual([png.width, png.height, png.channels, png.depth], [width, height, channels, 8]);
    assert.deepEqual([...png.data], [...data]);
  }
});

describe('a grid', () => {
  test('of one picture is that picture', () => {
    const picture = black(4, 2);
    assert.equal(grid([picture], 10), picture);
  });

  test('of three has lines between and around them, and an empty place', () => {
    const { width, height, data } = grid([black(2, 1, 1), black(2, 1, 1), black(2, 1, 1)], 2);
    assert.deepEqual([width, height], [10, 8]);
    assert.deepEqual([...data.subarray(20, 30)], [255, 255, 0, 0, 255, 255, 0, 0, 255, 255]);
    assert.deepEqual([...data.subarray(50, 60)], [255, 255, 0, 0, 255, 255, 255, 255, 255, 255]);
  });

  test('refuses none, pictures of different kinds and no columns', () => {
    assert.throws(() => grid([], 2), /pictures is 'empty'; expected at least one/);
    assert.throws(
      () => grid([black(2, 2), black(2, 3)], 2),
      /pictures\[1\] is '2 x 3 of 3 channels'; expected 2 x 2 of 3/,
    );
    assert.throws(() => grid([black(2, 2), black(2, 2, 1)], 2), /pictures\[1\]/);
    assert.throws(() => grid([black(2, 2)], 0), /columns is 0/);
  });
});
