/** What belongs to one system is in `platform/`; the rest of the engine runs in Node.js and in browsers. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ENTRIES } from '../support/packageEntries.js';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Files and folders that only Node.js runs: commands, experiments, native code, and what keeps its state in folders. */
const NODE_ONLY = [
  'backend/cuda/',
  'backend/native/',
  'bench/',
  'cli/',
  'evaluate/',
  'experiment/',
  'embedded.ts',
  'export/convert.ts',
  'modelPackages.ts',
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

/** Names that a module exports. */
function exportsOf(file: string): string[] {
  const text = readFileSync(`${source}platform/${file}`, 'utf8');
  const declared = [...text.matchAll(/^export (?:async )?(?:function|const) (\w+)/gm)].map(
    ([, name]) => name!,
  );
  const listed = [...text.matchAll(/^export \{ ([^}]+) \}/gm)].flatMap(([, names]) => names!.split(', '));
  return [...declared, ...listed].sort();
}

test('both sides of the platform have the same files, and what those of Node export', () => {
  const names = (side: string) =>
    readdirSync(`${source}platform/${side}`).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'),
    );
  assert.deepEqual(names('browser').sort(), names('node').sort());
  /** Of machineLimits: what only Node's side uses itself. */
  const own = ['addressSpace'];
  for (const file of names('node')) {
    const browser = exportsOf(`browser/${file}`);
    const missing = exportsOf(`node/${file}`).filter(
      (name) => !browser.includes(name) && !own.includes(name),
    );
    assert.deepEqual(missing, [], file);
  }
});

test('what browsers run imports nothing of Node, and no globals of it', () => {
  const seen = new Set<string>();
  const offenders: string[] = [];
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const code = readFileSync(path, 'utf8').replaceAll(/import type [^;]+;/g, '');
    if (/(?<![\w.'`])(?:Buffer\.|process\.(?:env|platform|pid|argv)|setImmediate\()/.test(code))
      offenders.push(path);
    for (const [, name] of code.matchAll(/(?:from|import) '([^']+)'/g))
      if (name!.startsWith('node:')) offenders.push(`${path} imports ${name}`);
      else if (name!.startsWith('#platform/'))
        visit(`${source}platform/browser/${name!.slice('#platform/'.length)}.ts`);
      else if (name!.startsWith('.'))
        visit(fileURLToPath(new URL(name!.replace(/\.js$/, '.ts'), `file://${path}`)));
  };
  const entries = ENTRIES.filter(({ browser }) => browser).map(({ source }) => source);
  for (const entry of [...entries, 'browser/engineWorker.ts', 'backend/wasm/worker.ts'])
    visit(`${source}${entry}`);
  assert.ok(seen.size > 100, `${seen.size} files`);
  assert.deepEqual(offenders, []);
});
