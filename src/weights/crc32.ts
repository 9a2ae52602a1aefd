/** The checksum of zip entries: CRC-32 of ISO 3309, polynomial 0xedb88320 (reflected). */
import { systemCrc32 } from '#platform/crc32';

/** Checksums of single bytes. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

const checksum = systemCrc32 ?? crc32JavaScript;

/** Checksum of `bytes`, or of what had the checksum `before` with `bytes` appended. */
export function crc32(bytes: Uint8Array, before = 0): number {
  // zlib takes an empty array for the beginning of another checksum.
  return bytes.length === 0 ? before : checksum(bytes, before);
}

/** For Node before 20.15, whose zlib does not offer its own, many times faster one. */
export function crc32JavaScript(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
