/** Whether a shared object of Linux is all there: the dynamic linker ends the process with SIGBUS on one that is cut off. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 64;
/** Places in the header of a 64-bit ELF file: where the table of sections begins, the size of an entry and their number. */
const TABLE = 0x28;
const ENTRY_BYTES = 0x3a;
const ENTRIES = 0x3c;

/** Throws if the file at `path` is a 64-bit ELF file that ends before its table of sections does, which is its last part. */
export function requireWholeFile(path: string): void {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const file = openSync(path, 'r');
  try {
    const read = readSync(file, header, 0, HEADER_BYTES, 0);
    // Everything else the dynamic linker refuses by itself.
    if (read === HEADER_BYTES && header.getUint32(0) !== 0x7f454c46) return;
    const table = Number(header.getBigUint64(TABLE, true));
    const end = table + header.getUint16(ENTRY_BYTES, true) * header.getUint16(ENTRIES, true);
    if (read < HEADER_BYTES || fstatSync(file).size < end) throw new Error(`${path}: file too short`);
  } finally {
    closeSync(file);
  }
}
