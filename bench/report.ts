/** Writes `docs/performance.md` from the files in `bench/results`: `npm run bench:report`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { markdown } from './results.js';

const INTRODUCTION = `# Performance

Made from \`bench/results\` by \`npm run bench:report\`; \`npm run bench\` and \`npm run bench:whole\` make those files. Machines are shared and
noisy: read the ratios, which come from contenders run in turn in one process (medians), not the absolute figures. "Loop" is
the rate of a pure multiply-add loop of the same build, on one thread, in the same rounds: the limit.
`;

interface ResultFile {
  readonly name: string;
  readonly machine: string;
  readonly date: string;
  readonly node: string;
  readonly [figure: string]: unknown;
}

const sections = readdirSync('bench/results')
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name): ResultFile => ({ name, ...JSON.parse(readFileSync(`bench/results/${name}`, 'utf8')) }))
  .map(section);
writeFileSync('docs/performance.md', [INTRODUCTION, ...sections].join('\n'));

function section(file: ResultFile): string {
  const title = file.name.split('-')[0];
  const body = 'text' in file ? file.text : markdown(file.rows as Parameters<typeof markdown>[0]);
  return `## ${title}\n\n${file.machine}, Node ${file.node}, ${file.date} (\`bench/results/${file.name}\`)\n\n${body}\n`;
}
