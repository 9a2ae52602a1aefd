/**
 * Whether memory stays flat over many pipelines of the native backend and many stopped runs, in a process of its own:
 * `npm run bench:stability`.
 */
import { EMBEDDED_MODEL } from '../../src/index.js';
import { saveJson } from '../results.js';
import type { StabilityFigures } from './process.js';
import { measureStability } from './run.js';

const CYCLES = 1000;
const ABORTED_RUNS = 200;

const figures = measureStability(EMBEDDED_MODEL, CYCLES, ABORTED_RUNS);
const text = table(figures);
console.log(`${text}\n\nwritten to ${await saveJson('stability', { text, ...figures })}`);

function table(f: StabilityFigures): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const growth = (bytes: number) => mebibytes(bytes - f.rssBefore);
  return [
    'Native backend, embedded model, 2 threads: opened, run, closed; then runs stopped in their middle',
    '',
    '| | resident, MiB | growth, MiB | left on a device, bytes |',
    '|---|---|---|---|',
    `| after the warm-up | ${mebibytes(f.rssBefore)} | | |`,
    `| after ${f.cycles} cycles | ${mebibytes(f.rssAfterCycles)} | ${growth(f.rssAfterCycles)} | ${f.heldAfterCycle} |`,
    `| after ${f.abortedRuns} stopped runs | ${mebibytes(f.rssAfterAborted)} | ${growth(f.rssAfterAborted)} | ${f.heldAfterAborted} |`,
  ].join('\n');
}
