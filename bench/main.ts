/** Times the kernels and prints a table, beside the limits of the same rounds: `npm run bench [-- name] [options]`. */
import { setFlagsFromString } from 'node:v8';
import { IncacheError } from '../src/errors.js';
import { openBuilds } from './builds.js';
import { compareResults, comparisonText } from './check.js';
import type { LEVELS } from './kernels/case.js';
import { chooseCases, kernelCases } from './kernels/index.js';
import { type KernelRow, kernelTable } from './kernels/row.js';
import { timeCase } from './kernels/time.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { saveJson } from './results.js';
import { readResult } from './schema/read.js';

/** A case ends after that many rounds, or that many seconds. */
const TURNS = {
  quick: { rounds: 11, warmUp: 2, seconds: 3 },
  default: { rounds: 31, warmUp: 3, seconds: 6 },
  full: { rounds: 31, warmUp: 3, seconds: 12 },
} as const satisfies Record<(typeof LEVELS)[number], object>;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

try {
  const options = parseOptions(process.argv.slice(2));
  // Read first: a name that is wrong should be found before the minutes that a run takes.
  const baseline = options.check === undefined ? undefined : readResult(options.check);
  const path = options.run ?? (await measure(options));
  if (baseline) {
    const comparison = compareResults(baseline, readResult(path), options.tolerance);
    console.log(comparisonText(comparison, options.tolerance));
    if (comparison.slower.length > 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof IncacheError || error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

/** Returns where the result was written. */
async function measure({ level, filter, builds: wanted, out }: BenchOptions): Promise<string> {
  const cases = chooseCases(kernelCases(), level, filter);
  if (cases.length === 0) throw new IncacheError(`no kernel of the ${level} run has '${filter}' in it`);
  const builds = await openBuilds(wanted);
  if (builds.length === 0) throw new IncacheError(`no build here has '${wanted}' in its name`);
  const rows: KernelRow[] = [];
  for (const [i, kernelCase] of cases.entries()) {
    process.stderr.write(`${i + 1} of ${cases.length}: ${kernelCase.kernel} ${kernelCase.shape}\n`);
    rows.push(...(await timeCase(kernelCase, builds, TURNS[level])));
  }
  await Promise.all(builds.map(({ device }) => device.dispose()));
  console.log(kernelTable(rows));
  const isPartial = level === 'quick' || filter !== '' || wanted !== '';
  const path = await saveJson('kernels', { level, rows }, { path: out, isPartial });
  console.log(`\nwritten to ${path}`);
  return path;
}
