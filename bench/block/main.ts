/** One block of DiT-XL/2 on incache and on its peers, the same weights and inputs, in turn: `npm run bench:block`. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { saveJson } from '../results.js';
import { type BlockRow, blockTable } from './row.js';

const THREADS = [1, 2];
/** A process for each number of threads: onnxruntime-web cannot change its own. */
const PROGRAM = fileURLToPath(new URL('onThreads.js', import.meta.url));

const rows = THREADS.flatMap((threads): BlockRow[] => {
  process.stderr.write(`${threads} ${threads === 1 ? 'thread' : 'threads'}\n`);
  return JSON.parse(execFileSync(process.execPath, [PROGRAM, String(threads)], { encoding: 'utf8' }));
});
const text = `One block of DiT-XL/2, two images of 256 pixels, contenders in turn, medians\n\n${blockTable(rows)}`;
console.log(`${text}\n\nwritten to ${saveJson('block', { text, rows })}`);
