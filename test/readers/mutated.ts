/**
 * Reads damaged files with every reader, prints what came of them, and ends with 1 when one of them was neither taken nor
 * refused with an error of ours:
 *     node dist/test/readers/mutated.js FILES SEED FOLDER
 * FOLDER: where files that have shown a defect are kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../../src/errors.js';
import { readMutated } from './mutations.js';
import { READERS } from './readers.js';

const [files = '10000', seed = '1', kept = tmpdir()] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'incache-readers-'));
const each = Math.ceil(Number(files) / READERS.length);
try {
  for (const reader of READERS) {
    const outcome = readMutated(reader, each, Number(seed), { work, kept });
    const { taken, refused, slowest, defects } = outcome;
    console.log(
      `  ${reader.name}: ${each} files, ${taken} taken, ${refused} refused, ${defects.length} defects, slowest ${slowest.toFixed(0)} ms`,
    );
    for (const { file, error } of defects.slice(0, 5))
      console.log(`    ${file}: ${error instanceof Error ? error.stack : error}`);
    if (defects.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(work, { recursive: true });
}
// In KiB.
console.log(`  at most ${formatBytes(1024 * process.resourceUsage().maxRSS)} of resident memory`);
