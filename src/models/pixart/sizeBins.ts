/** The shapes that PixArt was trained on: `ASPECT_RATIO_256_BIN` to `ASPECT_RATIO_2048_BIN` of diffusers. */
import type { SizeBin } from '../network.js';

/** Height and width in sixteenths of the side of the square. Those of 2048 pixels have `FINE` ones too. */
const SHAPES: readonly (readonly [number, number])[] = [
  ...([
    [8, 32],
    [8, 29],
    [9, 28],
    [9, 27],
    [9, 26],
    [10, 25],
    [10, 24],
    [11, 23],
    [11, 22],
    [11, 21],
  ] as const),
  ...([
    [12, 21],
    [12, 20],
    [13, 19],
    [13, 18],
    [14, 18],
    [14, 17],
    [15, 17],
    [15, 16],
    [16, 16],
  ] as const),
  ...([
    [16, 15],
    [17, 15],
    [17, 14],
    [18, 14],
    [18, 13],
    [19, 13],
    [20, 12],
    [21, 12],
    [22, 11],
  ] as const),
  ...([
    [23, 11],
    [24, 10],
    [25, 10],
    [27, 9],
    [32, 8],
  ] as const),
];
const FINE: readonly (readonly [number, number])[] = [
  ...([
    [8, 31],
    [8, 30],
    [26, 9],
    [28, 9],
    [29, 8],
    [30, 8],
    [31, 8],
  ] as const),
];

/** Sides of the square latents of models with such shapes. */
const SIDES = [32, 64, 128, 256];
const FINE_SIDE = 256;

/** The shapes of a network with latents of that side, from the lowest to the highest; undefined for one that was trained on squares alone. */
export function sizeBins(side: number): readonly SizeBin[] | undefined {
  if (!SIDES.includes(side)) return undefined;
  const bins = [...SHAPES, ...(side === FINE_SIDE ? FINE : [])].map(([rows, columns]) => ({
    ratio: twoDecimals(rows / columns),
    height: (rows * side) / 16,
    width: (columns * side) / 16,
  }));
  return bins.sort((a, b) => a.ratio - b.ratio);
}

/** As Python's `round`, by which the keys of the tables were made: halves to the even neighbour. */
function twoDecimals(ratio: number): number {
  const hundredths = Math.round(100 * ratio);
  const isHalf = hundredths - 100 * ratio === 0.5;
  return (isHalf && hundredths % 2 === 1 ? hundredths - 1 : hundredths) / 100;
}
