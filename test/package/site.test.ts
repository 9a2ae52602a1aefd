/** Links of pages lead to pages of the documentation site, or to files of the repository. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

const { placeOf, relink } = await import(new URL('../../../docs/site/links.mjs', import.meta.url).href);

describe('links of the documentation site', () => {
  const staged = new Set(['README.md', 'docs/faq.md', 'docs/images/a.png', 'docs/results/ranks/README.md']);
  const led = (text: string, page = 'docs/faq.md'): string => relink(text, page, staged);

  test('a README is the index of its folder', () => {
    assert.deepEqual(['README.md', 'docs/results/ranks/README.md', 'docs/faq.md'].map(placeOf), [
      'index.md',
      'docs/results/ranks/index.md',
      'docs/faq.md',
    ]);
  });

  test('lead to pages and pictures of the site', () => {
    assert.equal(led('[a](docs/faq.md#x)', 'README.md'), '[a](./docs/faq.md#x)');
    assert.equal(led('[a](../README.md#install)'), '[a](../index.md#install)');
    assert.equal(
      led('![a](images/a.png), [b](results/ranks)'),
      '![a](./images/a.png), [b](./results/ranks/index.md)',
    );
  });

  test('lead into the repository where the site has no such page', () => {
    assert.equal(
      led('[a](../bench/results/b.json)'),
      '[a](https://github.com/incache/incache/blob/main/bench/results/b.json)',
    );
    assert.equal(
      led('[m]: bench/results/b.json#/rows/0/x', 'README.md'),
      '[m]: https://github.com/incache/incache/blob/main/bench/results/b.json',
    );
  });

  test('stay as they are elsewhere', () => {
    for (const text of ['[a](#x)', '[a](https://b.c)', '`[a](b.md)`', '```md\n[a](b.md)\n```'])
      assert.equal(led(text), text);
  });
});
