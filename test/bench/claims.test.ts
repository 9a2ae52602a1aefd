/** Figures in texts are those of the result files that their marks name, and the report is made of what is stored. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { claimsOf, figureOf, QUOTING, refreshClaims } from '../../bench/report/claims.js';
import { newestResults } from '../../bench/report/files.js';
import { introduction } from '../../bench/report/introduction.js';
import { reportMarkdown } from '../../bench/report/markdown.js';
import { sectionsOf } from '../../bench/report/sections.js';
import { readResult } from '../../bench/schema/read.js';
import { temporaryFolder } from '../support/folder.js';
import { blockRow, resultFile } from './samples.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const stored = `${root}bench/results`;

describe('our own texts', () => {
  for (const [path, text] of [
    ...QUOTING.map((path) => [path, readFileSync(`${root}${path}`, 'utf8')] as const),
    ['bench/report/introduction.md', introduction()],
  ] as const)
    test(`${path} quotes what its results say`, () => {
      const claims = claimsOf(text);
      assert.ok(claims.length >= 5, `${claims.length} claims`);
      for (const claim of claims) {
        const given = figureOf(claim, readResult(`${stored}/${claim.file}`));
        assert.equal(claim.figure, given, `${claim.file}#${claim.pointer}; npm run bench:report renews it`);
      }
    });

  test('README.md has no figure of speed without such a mark', () => {
    const prose = readFileSync(`${root}README.md`, 'utf8')
      .replace(/```[\s\S]*?```/g, '')
      .replace(/\[[^\]]*\][([][^)\]]*[)\]]/g, '');
    assert.deepEqual(prose.match(/\d[\d.]*\s?(?:ms|s|x|times|%|GFLOP\/s|GB\/s)(?!\w)/g), null);
  });

  test('docs/performance.md is the report of what is stored', () => {
    const report = reportMarkdown(introduction(), sectionsOf(newestResults(stored)));
    assert.equal(readFileSync(`${root}docs/performance.md`, 'utf8'), report, 'npm run bench:report');
  });
});

describe('claims', () => {
  const claim = (figure: string, pointer = '/rows/0/ofLoop') =>
    `so [${figure}][mark] it is\n\n[mark]: ../bench/results/block-chip-2-2026-01-02.json#${pointer}`;

  test('are rounded as they are written, in the unit that they are in', () => {
    const result = resultFile([blockRow({ ofLoop: 0.756 })]);
    const given = (text: string) => figureOf(claimsOf(text)[0]!, result);
    assert.equal(given(claim('0.7')), '0.8');
    assert.equal(given(claim('0.123 times')), '0.756');
    assert.equal(given(claim('1 % of it')), '76');
    assert.equal(given(claim('0.0000 s')), '0.0008');
    assert.equal(given(claim('0.0000 KB')), '0.0008');
    assert.equal(given(claim('0.0000000000 GB')), '0.0000000008');
  });

  test('need a mark that is defined, and marks need a claim', () => {
    assert.throws(() => claimsOf('[1.5][none]'), /the mark \[none\] is not defined/);
    assert.throws(
      () => claimsOf('[idle]: bench/results/block-chip-2-2026-01-02.json#/rows/0/ofLoop'),
      /no figure has the mark \[idle\]/,
    );
    assert.throws(() => refreshClaims('[1.5][none]', temporaryFolder()), /the mark \[none\] is not defined/);
  });

  test('that point at no number are refused', () => {
    const result = resultFile([blockRow()]);
    for (const pointer of ['/rows/1/ofLoop', '/rows/0/contender', '/none'])
      assert.throws(
        () => figureOf(claimsOf(claim('1', pointer))[0]!, result),
        new RegExp(`block-chip-2-2026-01-02.json has no number at ${pointer}`),
      );
  });

  test('are renewed from the newest file, in which their row is found by its name', () => {
    const folder = temporaryFolder();
    const write = (date: string, contenders: readonly string[], ofLoop: number) => {
      const rows = contenders.map((contender, i) => blockRow({ contender, ofLoop: ofLoop + i / 100 }));
      const file = JSON.stringify(resultFile(rows, { what: 'block', date }));
      writeFileSync(`${folder}/block-chip-2-${date}.json`, file);
    };
    write('2026-01-02', ['a', 'b'], 0.5);
    write('2026-03-04', ['c', 'b', 'a'], 0.7);
    assert.equal(
      refreshClaims(claim('0.50'), folder),
      'so [0.72][mark] it is\n\n[mark]: ../bench/results/block-chip-2-2026-03-04.json#/rows/2/ofLoop',
    );
    write('2026-05-06', ['b'], 0.9);
    assert.throws(() => refreshClaims(claim('0.50'), folder), /2026-05-06.json has 0 rows .*"contender":"a"/);
    assert.throws(
      () => refreshClaims(claim('1'), temporaryFolder()),
      /there is no result of the kind of block/,
    );
  });

  test('also where rows of one name differ in their sizes', () => {
    const folder = temporaryFolder();
    const of = {
      level: 'block',
      name: 'scatter',
      shape: '',
      sequences: 4,
      contender: 'incache',
      rounds: [1],
    };
    const rows = [256, 1024].map((tokens) => ({ ...of, tokens, rank: 128, milliseconds: tokens }));
    const file = JSON.stringify(resultFile(rows, { what: 'cuda', date: '2026-01-02' }));
    writeFileSync(`${folder}/cuda-chip-2026-01-02.json`, file);
    const text = '[1024][m]\n\n[m]: bench/results/cuda-chip-2026-01-02.json#/rows/1/milliseconds';
    assert.equal(refreshClaims(text, folder), text);
  });

  test('a row that its name does not tell from another is refused, not taken for it', () => {
    const folder = temporaryFolder();
    const rows = [1, 2].map((milliseconds) => ({ contender: 'a', milliseconds }));
    const file = JSON.stringify(resultFile(rows, { what: 'gpu', date: '2026-01-02' }));
    writeFileSync(`${folder}/gpu-chip-2026-01-02.json`, file);
    const text = '[2][m]\n\n[m]: bench/results/gpu-chip-2026-01-02.json#/rows/1/milliseconds';
    assert.throws(() => refreshClaims(text, folder), /has 2 rows .*"contender":"a".*expected one/);
  });
});
