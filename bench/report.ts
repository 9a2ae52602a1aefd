/**
 * Writes `docs/performance.md` and `docs/performance.html` from the files in `bench/results`, and renews the figures that
 * README.md and the hand-written part quote: `npm run bench:report`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { refreshClaims } from './report/claims.js';
import { newestResults } from './report/files.js';
import { reportHtml } from './report/html.js';
import { INTRODUCTION_PATH, introduction } from './report/introduction.js';
import { reportMarkdown } from './report/markdown.js';
import { sectionOf } from './report/sections.js';
import { RESULTS } from './results.js';
import { answerHelp } from './usage.js';

answerHelp(import.meta.url);

for (const path of ['README.md', INTRODUCTION_PATH])
  writeFileSync(path, refreshClaims(readFileSync(path, 'utf8'), RESULTS));

const sections = newestResults(RESULTS).map(sectionOf);
writeFileSync('docs/performance.md', reportMarkdown(introduction(), sections));
writeFileSync('docs/performance.html', await reportHtml(introduction(), sections));
