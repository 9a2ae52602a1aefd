/** PNG (ISO/IEC 15948), as pictures are saved: 8 bits a channel, rows as they are, one block of compressed data. */
import { deflate } from '#platform/deflate';
import { concatBytes, utf8, viewOf } from '../weights/binary.js';
import { crc32 } from '../weights/crc32.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Colour types, by the number of channels. */
const COLOURS = { 1: 0, 3: 2 } as const;
const BITS = 8;

/** data: height x width x channels. */
export function encodePng(width: number, height: number, channels: 1 | 3, data: Uint8Array): Uint8Array {
  const header = new Uint8Array(13);
  viewOf(header).setUint32(0, width);
  viewOf(header).setUint32(4, height);
  header.set([BITS, COLOURS[channels]], 8);
  return concatBytes(
    SIGNATURE,
    ...chunk('IHDR', header),
    ...chunk('IDAT', deflate(scanlines(width * channels, height, data))),
    ...chunk('IEND', new Uint8Array()),
  );
}

/** Each row behind the number of its filter, 0 for none. */
function scanlines(length: number, rows: number, data: Uint8Array): Uint8Array {
  const lines = new Uint8Array(rows * (length + 1));
  for (let row = 0; row < rows; row++)
    lines.set(data.subarray(row * length, (row + 1) * length), row * (length + 1) + 1);
  return lines;
}

/** Its length, its name and data, and the checksum of both. */
function chunk(name: string, data: Uint8Array): Uint8Array[] {
  const named = concatBytes(utf8(name), data);
  return [uint32(data.length), named, uint32(crc32(named))];
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value);
  return bytes;
}
