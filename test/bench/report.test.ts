/** The report: charts without a browser, and a page that needs nothing else. */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { contendersChart, linearChart } from '../../bench/report/bars.js';
import { newestResults } from '../../bench/report/files.js';
import { markdownHtml, reportHtml } from '../../bench/report/html.js';
import { reportMarkdown } from '../../bench/report/markdown.js';
import { rooflineChart, rooflinePoints, roofs } from '../../bench/report/roofline.js';
import { scalingChart } from '../../bench/report/scalingChart.js';
import { bodyOf, sectionOf, sectionsOf } from '../../bench/report/sections.js';
import { sweepOf } from '../../bench/scaling/sweep.js';
import { loadSvgRenderer } from '../../src/experiment/chart/renderSvg.js';
import { temporaryFolder } from '../support/folder.js';
import { kernelRow, resultFile } from './samples.js';

const { times } = kernelRow();
const renderSvg = await loadSvgRenderer();

describe('roofline', () => {
  const rows = [
    kernelRow(),
    kernelRow({ threads: 2, contender: 'simd f32, 2 threads' }),
    kernelRow({ contender: 'onnxruntime-web, 1 thread' }),
    kernelRow({ kernel: 'layerNormModulate', flops: 0, loop: undefined }),
  ];

  test('has ours on one thread, where there is arithmetic', () => {
    assert.deepEqual(rooflinePoints(rows), [
      { build: 'simd f32', kernel: 'linear', shape: kernelRow().shape, intensity: 20, gflops: 40 },
    ]);
  });

  test('roofs rise with the copies and end at the loop', () => {
    const memory = roofs(rows, 1, 100).filter(({ roof }) => roof.endsWith('memory'));
    assert.deepEqual(
      memory.map(({ intensity, gflops }) => [intensity, gflops]),
      [
        [1, 10],
        [5, 50],
        [100, 50],
      ],
    );
  });

  test('is left out of results that counted no bytes', () => {
    assert.equal(rooflineChart([kernelRow({ bytes: 0 })]), undefined);
  });

  test('renders', async () => {
    const svg = await renderSvg(rooflineChart(rows)!);
    assert.match(svg, /^<svg /);
    assert.match(svg, /FLOP \/ byte/);
    assert.match(svg, /simd loop/);
  });
});

describe('bars and lines', { concurrency: true }, () => {
  test('of a block have every contender', async () => {
    const row = (contender: string) => ({ contender, threads: 1, times, flops: 1, error: 0 });
    const svg = await renderSvg(contendersChart([row('incache wasm f32'), row('PyTorch f32')])!);
    assert.match(svg, /incache wasm f32/);
    assert.match(svg, /PyTorch f32/);
  });

  test('of linears have ours and the rival', async () => {
    const svg = await renderSvg(
      linearChart([kernelRow(), kernelRow({ contender: 'onnxruntime-web, 1 thread' })])!,
    );
    assert.match(svg, /onnxruntime-web, 1 thread/);
  });

  test('of scaling have every sweep', async () => {
    const points = [1, 2, 4].map((x) => ({ x, macs: x, times: { ...times, median: x } }));
    const svg = await renderSvg(scalingChart([sweepOf('batch', 'wasm f32', points)])!);
    assert.match(svg, /batch/);
  });

  test('of nothing are left out', () => {
    assert.deepEqual(
      [contendersChart([]), linearChart([]), scalingChart([])],
      [undefined, undefined, undefined],
    );
  });
});

describe('page', () => {
  test('is self-contained, with tables and charts', async () => {
    const section = sectionOf({ ...resultFile([kernelRow()]), name: 'kernels-chip-2-2026-01-02.json' });
    assert.match(section.source, /Chip, 2 threads, 2900 to 3100 MHz seen, avx2, Node 20\.0\.0, 2026-01-02/);
    const html = await reportHtml('# Title\n\nText with `code` & <signs>.', [section]);
    assert.match(html, /<title>Title<\/title>/);
    assert.match(html, /<code>code<\/code> &amp; &lt;signs&gt;/);
    assert.match(html, /<svg /);
    assert.match(html, /<td>80 % of 50<\/td>/);
    // Names of XML namespaces are no addresses.
    const text = html.replace(/xmlns(:\w+)?="[^"]*"/g, '');
    assert.doesNotMatch(text, /https?:|<script|<link|src=|@import|url\((?!#)/);
  });

  test('names the version of a peer that was measured', () => {
    const rows = [kernelRow({ contender: 'onnxruntime-web, 1 thread' })];
    const { source } = sectionOf({ ...resultFile(rows), name: 'kernels-chip-2-2026-01-02.json' });
    assert.match(source, /Node 20\.0\.0, onnxruntime-web 1\.30\.0, /);
  });

  test('of Markdown has some rows of a long table and says so, and short lines', () => {
    const rows = [kernelRow(), kernelRow({ threads: 2 }), kernelRow({ shape: 'S/2 fc1' })];
    const section = sectionOf({ ...resultFile(rows), name: 'kernels-chip-2-2026-01-02.json' });
    assert.equal(section.body.match(/^\| linear/gm)?.length, 3);
    const markdown = reportMarkdown('# Title\n', [{ ...section, source: 'so many words '.repeat(20) }]);
    assert.equal(markdown.match(/^\| linear/gm)?.length, 1);
    assert.match(markdown, /^The table has the rows of DiT-XL\/2 on one thread: 1 of 3 in the file\.$/m);
    const prose = markdown.split('\n').filter((line) => !line.startsWith('|'));
    assert.ok(prose.every((line) => line.length <= 120));
    assert.equal(prose.join(' ').match(/so many words/g)?.length, 20);
  });

  test('has no targets of texts that were stored with them', () => {
    const text = "Memory of a step. Asked for: at most 1.2 times the file's size. Times are rough.";
    assert.equal(bodyOf({ what: 'other', text }), 'Memory of a step. Times are rough.');
  });

  test('knows lists and links', () => {
    assert.equal(
      markdownHtml('- one\n  and on\n- [1.5 times](../a.json#/rows/0)'),
      '<ul><li>one\n  and on</li>\n<li><a href="../a.json#/rows/0">1.5 times</a></li></ul>',
    );
  });

  test('knows reference links and strong text', () => {
    assert.equal(
      markdownHtml('**Now** [1.5 times][fast]\n\n[fast]: ../a.json#/rows/0'),
      '<p><strong>Now</strong> <a href="../a.json#/rows/0">1.5 times</a></p>',
    );
  });

  test('escapes cells and knows headings', () => {
    assert.equal(
      markdownHtml('## A\n\n| x |\n| --- |\n| <b> |'),
      '<h2>A</h2>\n<div class="wide"><table><tr><th>x</th></tr>\n<tr><td>&lt;b&gt;</td></tr></table></div>',
    );
  });
});

describe('results of a folder', () => {
  test('the newest of each kind and machine', () => {
    const folder = temporaryFolder();
    for (const date of ['2026-01-02', '2026-03-01', '2026-02-01'])
      writeFileSync(`${folder}/kernels-${date}.json`, JSON.stringify(resultFile([kernelRow()], { date })));
    assert.deepEqual(
      newestResults(folder).map(({ name }) => name),
      ['kernels-2026-03-01.json'],
    );
  });

  test('all that are stored make sections', () => {
    const stored = fileURLToPath(new URL('../../../bench/results/', import.meta.url));
    const folder = temporaryFolder();
    for (const name of readdirSync(stored)) copyFileSync(stored + name, `${folder}/${name}`);
    const sections = sectionsOf(newestResults(folder));
    assert.ok(sections.length > 0);
    for (const { title, body } of sections) assert.ok(body.length > 0, `${title} is empty`);
  });
});
