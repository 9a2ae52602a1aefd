/** Pages lead to what exists: links, headings, and the files that they name. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'pages', '.git', 'data', 'golden']);
/** Folders whose files pages name by their path from the root. */
const NAMED =
  /^(?:src|test|cpp|cuda|assembly|bench|scripts|docs|examples|models|npm|\.github)\/[\w./*-]*[\w*]\/?$/;
/** Its links are those of docs/performance.md, which it becomes a part of. */
const PART = 'bench/report/introduction.md';
/** What a build makes, or a command writes. */
const MADE = /^(?:bench\/peers\/node_modules|docs\/performance\.html|docs\/site\/(?:dist|pages))/;
/** Made by scripts, with wide tables. */
const GENERATED = /^docs\/(?:performance\.md|results\/)/;
const MOST_COLUMNS = 120;

const pages = pagesIn(root).map((path) => ({ name: relative(root, path), text: readFileSync(path, 'utf8') }));

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pagesIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Relative targets of inline and reference links. */
function targetsOf(text: string): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(([^)\s]+)\)/g)];
  const defined = [...prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
  return [...inline, ...defined].map(([, target]) => target!).filter((target) => !/^\w+:/.test(target));
}

function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/^#{1,6} (.*)$/gm)];
  return new Set(
    headings.map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

/** Problems of a link, none or one. */
function brokenLink(page: string, target: string): string[] {
  const [path, anchor] = target.split('#') as [string, string | undefined];
  const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
  if (!existsSync(file)) return [`${target} does not exist`];
  if (!anchor || !file.endsWith('.md') || statSync(file).isDirectory()) return [];
  return anchorsOf(readFileSync(file, 'utf8')).has(anchor) ? [] : [`${target} has no such heading`];
}

/** Paths in code spans, from the root, from `src` or from the page's own folder; `*` stands for part of a name. */
function missingFiles(page: string, text: string): string[] {
  const spans = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!);
  return spans.filter(
    (span) =>
      NAMED.test(span) &&
      !MADE.test(span) &&
      !['', 'src', dirname(page)].some((folder) => isThere(join(folder, span))),
  );
}

function isThere(path: string): boolean {
  if (!path.includes('*')) return existsSync(join(root, path));
  const folder = join(root, dirname(path));
  const pattern = new RegExp(
    `^${path
      .slice(path.lastIndexOf('/') + 1)
      .replace(/\./g, '\\.')
      .replaceAll('*', '.*')}$`,
  );
  return existsSync(folder) && readdirSync(folder).some((name) => pattern.test(name));
}

describe('pages', () => {
  for (const { name, text } of pages) {
    if (name !== PART)
      test(`${name} links to what is there`, () => {
        assert.deepEqual(
          targetsOf(text).flatMap((target) => brokenLink(name, target)),
          [],
        );
      });
    test(`${name} names files that are there`, () => {
      assert.deepEqual(missingFiles(name, text), []);
    });
    if (!GENERATED.test(name))
      test(`${name} has short lines`, () => {
        const prose = text.replace(/```[\s\S]*?```/g, '').split('\n');
        // But tables, indented code and definitions of links.
        const long = prose.filter(
          (line) => line.length > MOST_COLUMNS && !/^(?:\|| {4}|\[[^\]]+\]: )/.test(line),
        );
        assert.deepEqual(long, []);
      });
  }
});

describe('the check itself', () => {
  test('finds a dead link, a dead heading and a missing file', () => {
    assert.deepEqual(brokenLink('docs/faq.md', 'no-such-page.md'), ['no-such-page.md does not exist']);
    assert.deepEqual(brokenLink('docs/faq.md', '../README.md#no-such'), [
      '../README.md#no-such has no such heading',
    ]);
    assert.deepEqual(brokenLink('docs/faq.md', '../README.md#install'), []);
    assert.deepEqual(
      missingFiles('README.md', '`src/cli/main.ts`, `src/cli/*.ts`, `src/no/such.ts`, `src/cli/*.py`'),
      ['src/no/such.ts', 'src/cli/*.py'],
    );
    assert.deepEqual(targetsOf('[a](b.md) [c](https://d.e) `[f](g)`\n[h]: i.json'), ['b.md', 'i.json']);
  });
});
