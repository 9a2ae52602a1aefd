/**
 * Decoding a large latent in tiles that overlap and are blended into one another, as diffusers' `AutoencoderKL.tiled_decode`
 * does. Group norms and the attention see one tile at a time, so the picture is not quite that of decoding at once.
 */
import { scaleOf, type VaeConfig } from '../models/vae/config.js';
import type { PixelSize } from '../models/vae/graph.js';

/** A tile of a latent: where it begins and how large it is. */
export interface Tile extends PixelSize {
  readonly top: number;
  readonly left: number;
}

export interface Tiling {
  /** Side of a tile in latents; the last of a row or column has what is left. */
  readonly side: number;
  /** Distance between the beginnings of tiles; a quarter of a tile overlaps. */
  readonly step: number;
}

/** The tiling that belongs to the sizes a model was trained on, or to tiles of `side` latents. */
export function tilingOf(
  config: VaeConfig,
  side = Math.max(4, Math.floor(config.sampleSize / scaleOf(config))),
): Tiling {
  return { side, step: Math.max(1, Math.floor(0.75 * side)) };
}

/** Whether a latent is larger than one tile. */
export function needsTiles({ side }: Tiling, { height, width }: PixelSize): boolean {
  return height > side || width > side;
}

/** The tiles of a latent, row by row. */
export function tilesOf({ side, step }: Tiling, { height, width }: PixelSize): Tile[][] {
  const starts = (length: number) => Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
  return starts(height).map((top) =>
    starts(width).map((left) => ({
      top,
      left,
      height: Math.min(side, height - top),
      width: Math.min(side, width - left),
    })),
  );
}

/** A picture of `channels` planes of height x width. */
export interface Planes extends PixelSize {
  readonly channels: number;
  readonly data: Float32Array;
}

/** A rectangle of every plane. */
export function cut(from: Planes, { top, left, height, width }: Tile): Planes {
  const { channels } = from;
  const data = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) {
      const start = (c * from.height + top + y) * from.width + left;
      data.set(from.data.subarray(start, start + width), (c * height + y) * width);
    }
  return { channels, height, width, data };
}

/**
 * Puts decoded tiles together. Each is blended with the one above it, then with the one to its left, both of which are
 * already blended; the weight of the neighbour falls linearly from 1 over the overlap. Changes the tiles.
 */
export function joinTiles(
  tiles: readonly (readonly Planes[])[],
  { side, step }: Tiling,
  scale: number,
): Planes {
  const overlap = (side - step) * scale;
  const last = <T>(list: readonly T[]): T => list[list.length - 1]!;
  const { channels } = tiles[0]![0]!;
  const height = (tiles.length - 1) * step * scale + last(tiles)[0]!.height;
  const width = (tiles[0]!.length - 1) * step * scale + last(tiles[0]!).width;
  const picture = { channels, height, width, data: new Float32Array(channels * height * width) };
  for (const [row, inRow] of tiles.entries())
    for (const [column, tile] of inRow.entries()) {
      if (row > 0) blendDown(tiles[row - 1]![column]!, tile, overlap);
      if (column > 0) blendRight(inRow[column - 1]!, tile, overlap);
      paste(tile, picture, row * step * scale, column * step * scale);
    }
  return picture;
}

function blendDown(above: Planes, tile: Planes, overlap: number): void {
  const extent = Math.min(above.height, tile.height, overlap);
  const { channels, width } = tile;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < extent; y++) {
      const from = (c * above.height + above.height - extent + y) * above.width;
      const to = (c * tile.height + y) * width;
      for (let x = 0; x < width; x++) mix(above.data, from + x, tile.data, to + x, y / extent);
    }
}

function blendRight(before: Planes, tile: Planes, overlap: number): void {
  const extent = Math.min(before.width, tile.width, overlap);
  for (let row = 0; row < tile.channels * tile.height; row++)
    for (let x = 0; x < extent; x++)
      mix(before.data, (row + 1) * before.width - extent + x, tile.data, row * tile.width + x, x / extent);
}

function mix(from: Float32Array, source: number, to: Float32Array, target: number, share: number): void {
  to[target] = from[source]! * (1 - share) + to[target]! * share;
}

/** Later tiles are pasted over the overlap of earlier ones, which they have been blended with. */
function paste(tile: Planes, picture: Planes, top: number, left: number): void {
  for (let c = 0; c < tile.channels; c++)
    for (let y = 0; y < tile.height; y++) {
      const start = (c * tile.height + y) * tile.width;
      const target = (c * picture.height + top + y) * picture.width + left;
      picture.data.set(tile.data.subarray(start, start + tile.width), target);
    }
}
