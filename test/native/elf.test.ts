/** An addon that is cut off anywhere is refused before the dynamic linker sees it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { requireWholeFile } from '../../src/backend/native/elf.js';

const folder = mkdtempSync(join(tmpdir(), 'incache-elf-'));
after(() => rmSync(folder, { recursive: true }));

/** A file whose table of 3 sections of 64 bytes begins at byte 1000. */
function file(name: string, bytes: number): string {
  const whole = Buffer.alloc(1000 + 3 * 64);
  whole.writeUInt32BE(0x7f454c46, 0);
  whole.writeBigUInt64LE(1000n, 0x28);
  whole.writeUInt16LE(64, 0x3a);
  whole.writeUInt16LE(3, 0x3c);
  const path = join(folder, name);
  writeFileSync(path, whole.subarray(0, bytes));
  return path;
}

test('a whole file is let through, one that is cut off is not', () => {
  requireWholeFile(file('whole', 1192));
  for (const bytes of [0, 1, 63, 64, 1000, 1191])
    assert.throws(() => requireWholeFile(file(`cut-${bytes}`, bytes)), /file too short/);
});

test('files of other kinds are left to the system', () => {
  const path = join(folder, 'other');
  writeFileSync(path, 'x'.repeat(100));
  requireWholeFile(path);
});
