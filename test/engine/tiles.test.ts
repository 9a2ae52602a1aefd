/** Tiles of a latent: they cover it, whatever its size, and a picture that all tiles agree on is put together unchanged. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cut, joinTiles, needsTiles, type Planes, tilesOf } from '../../src/engine/tiles.js';

const size = fc.integer({ min: 1, max: 40 });
const tiling = fc.integer({ min: 4, max: 17 }).map((side) => ({ side, step: Math.floor(0.75 * side) }));

function pictureOf(height: number, width: number): Planes {
  const data = Float32Array.from({ length: 2 * height * width }, (_, i) => Math.sin(i));
  return { channels: 2, height, width, data };
}

describe('tiles', () => {
  test('every latent is in a tile, no tile leaves the picture', () =>
    fc.assert(
      fc.property(tiling, size, size, (each, height, width) => {
        const covered = new Set<string>();
        for (const tile of tilesOf(each, { height, width }).flat()) {
          assert.ok(tile.height >= 1 && tile.height <= each.side && tile.top + tile.height <= height);
          assert.ok(tile.width >= 1 && tile.width <= each.side && tile.left + tile.width <= width);
          for (let y = 0; y < tile.height; y++)
            for (let x = 0; x < tile.width; x++) covered.add(`${tile.top + y} ${tile.left + x}`);
        }
        assert.equal(covered.size, height * width);
      }),
    ));

  test('cut and joined without a change', () =>
    fc.assert(
      fc.property(tiling, size, size, (each, height, width) => {
        const picture = pictureOf(height, width);
        const tiles = tilesOf(each, picture).map((row) => row.map((tile) => cut(picture, tile)));
        const joined = joinTiles(tiles, each, 1);
        assert.deepEqual([joined.channels, joined.height, joined.width], [2, height, width]);
        for (const [i, value] of joined.data.entries()) assert.ok(Math.abs(value - picture.data[i]!) < 1e-6);
      }),
    ));

  test('tiles that differ are blended linearly over the overlap, downwards before to the right', () => {
    const constant = (value: number): Planes => ({
      channels: 1,
      height: 4,
      width: 4,
      data: new Float32Array(16).fill(value),
    });
    const side = { side: 4, step: 3 };
    const { data, width } = joinTiles([[constant(0)], [constant(8)]], side, 1);
    // The overlap is one row, of which the first has the weight of the neighbour alone.
    assert.deepEqual(
      [2, 3, 4].map((y) => data[y * width]),
      [0, 0, 8],
    );
    const scaled = (value: number) => ({
      ...constant(value),
      height: 8,
      width: 8,
      data: new Float32Array(64).fill(value),
    });
    const wide = joinTiles([[scaled(0), scaled(8)]], side, 2);
    assert.deepEqual(
      [5, 6, 7, 8].map((x) => wide.data[x]),
      [0, 0, 4, 8],
    );
  });

  test('a latent of one tile needs none', () => {
    const each = { side: 8, step: 6 };
    assert.equal(needsTiles(each, { height: 8, width: 8 }), false);
    assert.equal(needsTiles(each, { height: 8, width: 9 }), true);
  });
});
