/** The entries of the package: each name is exported by one of them, and docs/versions.md lists them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ENTRIES } from '../support/packageEntries.js';

/** They have names of `incache` again. */
const AGAIN = ['incache/browser', 'incache/page'];

for (const [where, entries] of [
  ['Node.js', ENTRIES.filter(({ browser }) => !browser)],
  ['browsers', ENTRIES.filter(({ browser, name }) => browser && !AGAIN.includes(name))],
] as const)
  test(`in ${where} every name is exported by one entry`, async () => {
    const places = new Map<string, string[]>();
    for (const { name, module } of entries)
      for (const exported of Object.keys(await import(module.href)))
        places.set(exported, [...(places.get(exported) ?? []), name]);
    assert.ok(places.size > 50, `${places.size} names`);
    assert.deepEqual(
      [...places].filter(([, names]) => names.length > 1),
      [],
    );
  });

test('docs/versions.md lists the entries', () => {
  const text = readFileSync(new URL('../../../docs/versions.md', import.meta.url), 'utf8');
  const listed = [...text.matchAll(/^\| `(incache[^`]*)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(listed.sort(), [...new Set(ENTRIES.map(({ name }) => name))].sort());
});
