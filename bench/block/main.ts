/** One block of DiT-XL/2 on incache and on its peers, the same weights and inputs, in turn: `npm run bench:block`. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runBenchmark } from '../benchmark.js';
import { saveJson } from '../results.js';
import { type BlockOptions, isPartial, parseBlockOptions, USAGE } from './options.js';
import { type BlockRow, blockTable } from './row.js';

/** A process for each number of threads: onnxruntime-web cannot change its own. */
const PROGRAM = fileURLToPath(new URL('onThreads.js', import.meta.url));

// As those processes have it: the result says what the machine can do.
setFlagsFromString('--experimental-wasm-relaxed-simd');

await runBenchmark(USAGE, () => parseBlockOptions(process.argv.slice(2)), measure);

/** Returns where the result was written. */
async function measure(options: BlockOptions): Promise<string> {
  const rows = options.threads.flatMap((threads): BlockRow[] => {
    process.stderr.write(`${threads} ${threads === 1 ? 'thread' : 'threads'}\n`);
    const args = [PROGRAM, String(threads), JSON.stringify(options)];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  });
  const { model } = options;
  const text = `One block of ${model}, two images of 256 pixels, contenders in turn, medians`;
  const path = await saveJson('block', { text, model, rows }, { isPartial: isPartial(options) });
  console.log(`${text}\n\n${blockTable(rows)}\n\nwritten to ${path}`);
  return path;
}
