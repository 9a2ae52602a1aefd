/** Damaged files: every reader gives a value or an error of ours, and takes no more memory than a small file is worth. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatBytes } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { readMutated } from './mutations.js';
import { READERS } from './readers.js';

/** `npm run fuzz` reads more. */
const FILES = Number(process.env.INCACHE_MUTATED_FILES ?? 250);
/** Of the process, with all tests of this file behind it. */
const MOST_MEMORY = 768 * 2 ** 20;

describe('damaged files', () => {
  const work = temporaryFolder();
  const kept = temporaryFolder();
  for (const reader of READERS)
    test(reader.name, () => {
      for (const path of reader.samples(work)) reader.read(path);
      const { defects, refused } = readMutated(reader, FILES, 1, { work, kept });
      const [first] = defects;
      if (first) throw new Error(`seed ${first.seed} of ${reader.name}`, { cause: first.error });
      assert.ok(refused > FILES / 10, `${refused} of ${FILES} files are refused: they are hardly damaged`);
    });

  test('take little memory', () => {
    const most = 1024 * process.resourceUsage().maxRSS;
    assert.ok(most < MOST_MEMORY, `${formatBytes(most)} of resident memory`);
  });
});
