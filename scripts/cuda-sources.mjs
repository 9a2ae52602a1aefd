/**
 * Which CUDA sources the compiler's report is about: a hash of every file that nvcc compiles kernels from, kept in
 * cuda/report.sha256 when `npm run cuda:report` has found no fault in them. The tests compile kernels with nvcc only
 * when the sources differ from those.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const recordOf = (root) => join(root, 'cuda/report.sha256');

/** sha256 over the names and contents of the units and of all that they include but the emulator, in hexadecimal. */
export function hashSources(root) {
  const found = new Set();
  const emulator = join(root, 'cuda/emulator/');
  const visit = (file) => {
    if (found.has(file) || file.startsWith(emulator) || !existsSync(file)) return;
    found.add(file);
    for (const [, included] of readFileSync(file, 'utf8').matchAll(/^\s*#include "([^"]+)"/gm))
      visit(join(dirname(file), included));
  };
  for (const folder of ['cuda', 'cuda/common'])
    for (const name of readdirSync(join(root, folder)))
      if (name.endsWith('.cu')) visit(join(root, folder, name));
  const hash = createHash('sha256');
  for (const file of [...found].sort()) hash.update(`${relative(root, file)}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

/** Whether the report of these very sources had no fault. */
export function isReported(root) {
  const record = recordOf(root);
  return existsSync(record) && readFileSync(record, 'utf8').trim() === hashSources(root);
}

export function recordReport(root) {
  writeFileSync(recordOf(root), `${hashSources(root)}\n`);
}
