/** Large pictures are encoded beside the event loop, which meanwhile answers others. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { decode } from 'fast-png';
import { PngEncoder } from '../../server/src/pngEncoder.js';
import { Picture } from '../../src/pipeline/picture.js';

describe('the encoder', () => {
  test('gives a PNG of the picture, and lets others have their turn meanwhile', async () => {
    const encoder = new PngEncoder();
    try {
      const side = 700;
      const picture = new Picture(side, side, 3, randomFillSync(new Uint8Array(3 * side * side)));
      let turns = 0;
      const turn = setInterval(() => turns++, 1);
      const png = await encoder.encode(picture);
      clearInterval(turn);
      assert.ok(turns > 0, 'a timer has had its turn');
      assert.equal(png.buffer.byteLength, png.byteLength);
      const { width, height, channels, data } = decode(png);
      assert.deepEqual([width, height, channels], [side, side, 3]);
      assert.equal(Buffer.compare(data as Uint8Array, picture.data), 0);
    } finally {
      await encoder.close();
    }
  });

  test('gives up what is being encoded when it is closed', async () => {
    const encoder = new PngEncoder();
    const encoded = encoder.encode(new Picture(1000, 1000, 1, new Uint8Array(1e6)));
    const refused = assert.rejects(encoded);
    await encoder.close();
    await refused;
  });
});
