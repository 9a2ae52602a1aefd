/**
 * Whether memory stays flat over many pipelines that are opened, run, stopped and closed and over many stopped runs, and whether
 * closing holds up the event loop; a process of its own for each backend: `npm run bench:stability -- [backend] [cycles]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyModel } from '../../test/support/tinyModel.js';
import { saveJson } from '../results.js';
import { answerHelp } from '../usage.js';
import type { StabilityFigures } from './process.js';
import { measureStability } from './run.js';

answerHelp(import.meta.url);

const [only, count] = process.argv.slice(2);
const CYCLES = Number(count ?? 10_000);
const ABORTED_RUNS = 200;

const backends = only ? [only] : ['native', 'wasm'];
const folder = mkdtempSync(join(tmpdir(), 'incache-stability-'));
// Small, so that most of a cycle is what could be left behind; its weights are still 2 MB.
const model = writeTinyModel(join(folder, 'model.safetensors'), {
  config: { hiddenSize: 128, heads: 4, mlpSize: 512 },
});
const figures = backends.map((backend) => measureStability(backend, model, CYCLES, ABORTED_RUNS));
rmSync(folder, { recursive: true });
const text = table(figures);
console.log(`${text}\n\nwritten to ${await saveJson('stability', { text, backends: figures })}`);

function table(all: readonly StabilityFigures[]): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const rows = all.map((f) => {
    const growth = (bytes: number) => mebibytes(bytes - f.rssBefore);
    const resident = [mebibytes(f.rssBefore), growth(f.rssAfterCycles), growth(f.rssAfterAborted)];
    const times = [f.heldUp.median, f.heldUp.most, f.heldUp.longest].map((time) => time.toFixed(2));
    return `| ${[f.backend, ...resident, mebibytes(f.rssHighest), ...times].join(' | ')} |`;
  });
  return [
    `A small model, 2 threads: ${all[0]!.cycles} pipelines opened, run to the end or stopped in the middle, and closed; then ` +
      `${all[0]!.abortedRuns} runs stopped on one pipeline. Times are those for which the event loop stood still while a pipeline was closed, less the wait for a processor.`,
    '',
    '| backend | resident after the warm-up, MiB | growth over the cycles | and over the stopped runs | highest | held up, ms (median) | 99.9 % | longest |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
