/** Times the kernels and prints a table, beside the limits of the same rounds: `npm run bench [-- name] [options]`. */
import { setFlagsFromString } from 'node:v8';
import { IncacheError } from '../src/errors.js';
import { runBenchmark } from './benchmark.js';
import { openBuilds } from './builds.js';
import type { LEVELS } from './kernels/case.js';
import { chooseCases, kernelCases } from './kernels/index.js';
import { type KernelRow, kernelTable } from './kernels/row.js';
import { timeCase } from './kernels/time.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { saveJson } from './results.js';

/** A case ends after that many rounds, or that many seconds. */
const TURNS = {
  quick: { rounds: 11, warmUp: 2, seconds: 3 },
  default: { rounds: 31, warmUp: 3, seconds: 5 },
  full: { rounds: 31, warmUp: 3, seconds: 12 },
} as const satisfies Record<(typeof LEVELS)[number], object>;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

await runBenchmark(USAGE, () => parseOptions(process.argv.slice(2)), measure);

/** Returns where the result was written. */
async function measure({ level, filter, builds: wanted, out }: BenchOptions): Promise<string> {
  const cases = chooseCases(kernelCases(), level, filter);
  if (cases.length === 0) throw new IncacheError(`no kernel of the ${level} run has '${filter}' in it`);
  const builds = await openBuilds(wanted);
  if (builds.length === 0) throw new IncacheError(`no build here has '${wanted}' in its name`);
  const rows: KernelRow[] = [];
  const names = cases.map(({ kernel, shape }) => `${kernel} ${shape}`);
  for (const [i, kernelCase] of cases.entries()) {
    process.stderr.write(`${i + 1} of ${cases.length}: ${names[i]}\n`);
    rows.push(...(await timeCase(kernelCase, builds, TURNS[level])));
    const missing = names.slice(i + 1);
    if (missing.length > 0) await saveJson('kernels', { level, missing, rows }, { isPartial: true });
  }
  await Promise.all(builds.map(({ device }) => device.dispose()));
  console.log(kernelTable(rows));
  const isPartial = level === 'quick' || filter !== '' || wanted !== '';
  const path = await saveJson('kernels', { level, rows }, { path: out, isPartial });
  console.log(`\nwritten to ${path}`);
  return path;
}
