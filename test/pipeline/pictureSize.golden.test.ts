/** The shapes of PixArt: diffusers' tables, and the sizes that `classify_height_width_bin` has chosen from them (`bins.json`). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { resolveSize } from '../../src/pipeline/pictureSize.js';
import { goldenFiles, readGoldenText, requireKind } from '../support/golden.js';
import { TINY_PIXART } from '../support/tinyPixArt.js';

const files = ['pixart', 'text/pixart'].flatMap((folder) => goldenFiles(/^bins\.json$/, folder));
requireKind('aspect ratio bins', files);

const SCALE = 8;

interface Recorded {
  /** By size of the square in pixels: ratio, height, width. */
  readonly bins: Readonly<Record<string, readonly (readonly [string, number, number])[]>>;
  /** Height and width that were asked for, the table, height and width that were chosen. */
  readonly examples: readonly (readonly [number, number, string, number, number])[];
}

const networkOf = (side: string) => pixartNetwork({ ...TINY_PIXART, inputSize: Number(side) / SCALE });

for (const file of files) {
  const { bins, examples }: Recorded = JSON.parse(readGoldenText(file));
  for (const [side, table] of Object.entries(bins))
    test(`${file}: the table of ${side}`, () => {
      assert.deepEqual(
        networkOf(side).sizeBins!.map(({ ratio, height, width }) => [ratio, height * SCALE, width * SCALE]),
        table.map(([ratio, height, width]) => [Number(ratio), height, width]),
      );
    });
  test(`${file}: the size that is chosen`, () => {
    for (const [height, width, side, ...chosen] of examples) {
      const { geometry } = resolveSize({ height, width }, networkOf(side), () => SCALE);
      assert.deepEqual([geometry.height * SCALE, geometry.width * SCALE], chosen, `${height} x ${width}`);
    }
  });
}
