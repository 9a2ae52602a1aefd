/**
 * out = residual + epilogue(convolution of x with weight + bias), as a product of pixels and filters. A tile of work is a block
 * of pixels by a block of columns. For each block of the depth the pixels are packed straight from the image, then multiplied by
 * every panel.
 *
 *     depth     [kernel][kernel][channels of x], as in the packed weight
 *     scratch   [panels of the block][pixels of the block][8], the tiles
 *               [zeros   a block of the depth, read in place of pixels outside the image]
 *               [pixels of a strip: image, top, left, address]
 *               [strips of a block of the depth]
 */
import { STRIP } from './control';
import { Epilogue, finishTiles } from './epilogue';
import { multiplyStrips, PANEL } from './microkernel';
import { packPointers } from './packPointers';
import { GROUP, tileBytes } from './tiles';

/** Bytes of the record of one pixel of a strip, and of all records. */
const PLACE_BYTES: usize = 16;
const PLACES_BYTES: usize = 128;

@unmanaged
export class ConvolutionArguments {
  x: usize;
  xStride: usize;
  weight: usize;
  rows: i32;
  channels: i32;
  depth: i32;
  columns: i32;
  rowBlock: i32;
  columnBlock: i32;
  columnBlocks: i32;
  depthBlock: i32;
  height: i32;
  width: i32;
  outHeight: i32;
  outWidth: i32;
  kernel: i32;
  stride: i32;
  /** The image is upsampled by 1 << shift in both directions. */
  shift: i32;
  padTop: i32;
  padLeft: i32;
  epilogue: Epilogue;
}

export function convolution(a: ConvolutionArguments, tile: i32, scratch: usize): void {
  const row = (tile / a.columnBlocks) * a.rowBlock;
  const rows = min(a.rowBlock, a.rows - row);
  const first = (tile % a.columnBlocks) * a.columnBlock;
  const columns = min(a.columnBlock, a.columns - first);
  const strip = load<i32>(STRIP);
  const bytes = tileBytes(a.rowBlock);
  const zeros = scratch + bytes * <usize>(a.columnBlock / PANEL);
  memory.fill(zeros, 0, (<usize>a.depthBlock) << 2);
  const places = zeros + ((<usize>a.depthBlock) << 2);
  const strips = places + PLACES_BYTES;
  const panels = a.weight + ((<usize>first * <usize>a.depth) << 2);
  for (let k = 0; k < a.depth; k += a.depthBlock) {
    const some = min(a.depthBlock, a.depth - k);
    for (let i = 0; i < rows; i += strip)
      packPixels(a, row + i, min(strip, rows - i), k, some, zeros, places, strips + ((<usize>i * some) << 2));
    multiplyPanels(a, strips, rows, strip, panels + ((<usize>k) << 5), some, columns, scratch, k > 0);
  }
  for (let column = 0; column < columns; column += GROUP) {
    const tiles = scratch + bytes * <usize>(column / PANEL);
    finishTiles(a.epilogue, tiles, bytes, row, rows, first + column, min(GROUP, columns - column));
  }
}

/** Multiplies the strips by one block of the depth of every panel; each panel has its own tile. */
function multiplyPanels(
  a: ConvolutionArguments,
  strips: usize,
  rows: i32,
  strip: i32,
  panel: usize,
  depth: i32,
  columns: i32,
  tiles: usize,
  resume: bool,
): void {
  for (let j = 0; j < columns; j += PANEL) {
    multiplyStrips(strips, rows, depth, strip, panel, tiles, resume);
    panel += (<usize>a.depth) << 5;
    tiles += tileBytes(a.rowBlock);
  }
}

/** Packs elements [k, k + some) of the depth as a strip, for `rows` pixels of out from `row` on. */
function packPixels(
  a: ConvolutionArguments,
  row: i32,
  rows: i32,
  k: i32,
  some: i32,
  zeros: usize,
  places: usize,
  strip: usize,
): void {
  startPlaces(a, row, rows, places);
  const end = k + some;
  while (k < end) {
    const tap = k / a.channels;
    const channel = k % a.channels;
    const count = min(a.channels - channel, end - k);
    pointAt(a, tap / a.kernel, tap % a.kernel, rows, (<usize>channel) << 2, zeros, places);
    packPointers(places + 12, PLACE_BYTES, rows, count, strip);
    strip += (<usize>(count * rows)) << 2;
    k += count;
  }
}

/** For each pixel of out: the first row of its image, and where the filter begins in the upsampled image. */
function startPlaces(a: ConvolutionArguments, row: i32, rows: i32, places: usize): void {
  for (let i = row; i < row + rows; i++) {
    const line = i / a.outWidth;
    store<i32>(places, (line / a.outHeight) * a.height, 0);
    store<i32>(places, (line % a.outHeight) * a.stride - a.padTop, 4);
    store<i32>(places, (i % a.outWidth) * a.stride - a.padLeft, 8);
    places += PLACE_BYTES;
  }
}

/** For each pixel of out: the address of the pixel that place (down, across) of the filter covers, or of zeros. */
function pointAt(
  a: ConvolutionArguments,
  down: i32,
  across: i32,
  rows: i32,
  offset: usize,
  zeros: usize,
  places: usize,
): void {
  const height = <u32>(a.height << a.shift);
  const width = <u32>(a.width << a.shift);
  for (; rows > 0; rows--) {
    const y = load<i32>(places, 4) + down;
    const x = load<i32>(places, 8) + across;
    const pixel = (load<i32>(places) + (y >> a.shift)) * a.width + (x >> a.shift);
    const inside = <u32>y < height && <u32>x < width;
    store<usize>(places, inside ? a.x + <usize>pixel * a.xStride + offset : zeros, 12);
    places += PLACE_BYTES;
  }
}
