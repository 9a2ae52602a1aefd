/** A DiT in safetensors whose values are a hole in the file: large, and on no disk. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { type DiTConfig, tensorShapes } from '../../src/models/dit/config.js';

/** Writes the header and as many bytes of nothing as it claims; returns the size of the file. */
export function writeSparseModel(path: string, config: DiTConfig): number {
  let offset = 0;
  const entries = [...tensorShapes(config)].map(([name, shape]) => {
    const start = offset;
    offset += 4 * shape.reduce((product, size) => product * size, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [start, offset] }];
  });
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, header]));
  const size = 8 + header.length + offset;
  ftruncateSync(file, size);
  closeSync(file);
  return size;
}
