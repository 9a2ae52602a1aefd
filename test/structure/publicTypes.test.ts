/** What TypeScript reads of the package needs nothing that is optional, and nothing that is not installed with it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ENTRIES } from '../support/packageEntries.js';

test('the public types import nothing but their own files and those of Node', () => {
  const seen = new Set<string>();
  const foreign: string[] = [];
  const visit = (url: URL) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const text = readFileSync(url, 'utf8');
    for (const [, name] of text.matchAll(/(?:from |import\()'([^']+)'/g))
      if (name!.startsWith('.')) visit(new URL(name!.replace(/\.js$/, '.d.ts'), url));
      else if (!name!.startsWith('node:')) foreign.push(`${url.pathname.split('/').at(-1)}: ${name}`);
  };
  for (const { types } of ENTRIES) visit(types);
  assert.ok(seen.size > 50, `${seen.size} files`);
  assert.deepEqual(foreign, []);
});
