import * as zlib from 'node:zlib';

/** The system's own CRC-32, of `bytes` appended to what had the checksum `before`; undefined in Node before 20.15. */
export const systemCrc32 = (zlib as { crc32?: (bytes: Uint8Array, before: number) => number }).crc32;
