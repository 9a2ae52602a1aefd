/** What belongs to one system is in `platform/`; the rest of the engine runs in Node.js and in browsers. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Files and folders that only Node.js runs: commands, experiments, native code, and what keeps its state in folders. */
const NODE_ONLY = [
  'backend/cuda/',
  'backend/native/',
  'bench/',
  'cli/',
  'evaluate/',
  'experiment/',
  'export/convert.ts',
  'packageFile.ts',
  'platform/node/',
  'weights/folderLock.ts',
];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !NODE_ONLY.some((place) => file.startsWith(place)));

for (const [what, pattern] of [
  ["Node's modules", /(?:from|import\()\s*'node:/],
  ['globals of Node.js', /(?<![\w.'`])(?:Buffer\.|process\.(?:env|platform|pid|argv)|setImmediate\()/],
] as const)
  test(`${what} are used only behind #platform and in what no browser runs`, () => {
    const offenders = files.filter((file) => pattern.test(readFileSync(`${source}${file}`, 'utf8')));
    assert.deepEqual(offenders, []);
  });
