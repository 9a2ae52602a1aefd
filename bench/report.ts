/**
 * Writes `docs/performance.md` with its charts, and the same as one page, `docs/performance.html` (not in the repository), from the
 * newest files in `bench/results`. Renews the figures that README.md and the hand-written part quote. `npm run bench:report`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadSvgRenderer } from '../src/experiment/chart/renderSvg.js';
import { QUOTING, refreshClaims } from './report/claims.js';
import { newestResults } from './report/files.js';
import { reportHtml } from './report/html.js';
import { INTRODUCTION_PATH, introduction } from './report/introduction.js';
import { CHARTS, reportMarkdown } from './report/markdown.js';
import { sectionsOf } from './report/sections.js';
import { RESULTS } from './results.js';
import { answerHelp } from './usage.js';

answerHelp(import.meta.url);

for (const path of [...QUOTING, INTRODUCTION_PATH])
  writeFileSync(path, refreshClaims(readFileSync(path, 'utf8'), RESULTS));

const sections = sectionsOf(newestResults(RESULTS));
writeFileSync('docs/performance.md', reportMarkdown(introduction(), sections));
mkdirSync(`docs/${CHARTS}`, { recursive: true });
const renderSvg = await loadSvgRenderer();
for (const { name, spec } of sections.flatMap(({ charts }) => charts))
  writeFileSync(`docs/${CHARTS}/${name}.svg`, await renderSvg(spec));
writeFileSync('docs/performance.html', await reportHtml(introduction(), sections));
