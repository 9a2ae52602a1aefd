/** Writes `docs/performance.md` and `docs/performance.html` from the files in `bench/results`: `npm run bench:report`. */
import { writeFileSync } from 'node:fs';
import { newestResults } from './report/files.js';
import { reportHtml } from './report/html.js';
import { INTRODUCTION } from './report/introduction.js';
import { sectionOf } from './report/sections.js';
import { RESULTS } from './results.js';

/** Another folder for trying it out. */
const folder = process.argv[2] ?? 'docs';

const sections = newestResults(RESULTS).map(sectionOf);
const parts = sections.map(({ title, source, body }) => `## ${title}\n\n${source}\n\n${body}\n`);
writeFileSync(`${folder}/performance.md`, [INTRODUCTION, ...parts].join('\n'));
writeFileSync(`${folder}/performance.html`, await reportHtml(INTRODUCTION, sections));
