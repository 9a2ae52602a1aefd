/** The part of a benchmark's command line that compares with a stored result, and what becomes of it. */
import { ArgumentError, IncacheError } from '../src/errors.js';
import { compareResults, comparisonText } from './check.js';
import { readResult } from './schema/read.js';

export interface CheckOptions {
  /** A result file to compare with, and one to take instead of measuring. */
  readonly check?: string | undefined;
  readonly run?: string | undefined;
  /** Per cent. */
  readonly tolerance: number;
}

/** For `parseArgs`. */
export const CHECK_FLAGS = {
  check: { type: 'string' },
  run: { type: 'string' },
  tolerance: { type: 'string', default: '10' },
} as const;

export const CHECK_USAGE = `\
  --check <file>         compares with a stored result, as shares of the limit; exit code 1 when something got slower
  --tolerance <n>        of --check, in per cent (10)
  --run <file>           of --check: the result to compare, instead of measuring one
`;

export function checkOptions(values: {
  readonly check?: string | undefined;
  readonly run?: string | undefined;
  readonly tolerance: string;
}): CheckOptions {
  const { check, run, tolerance } = values;
  if (run !== undefined && check === undefined)
    throw new ArgumentError('--run', run, 'a --check to compare it with');
  return { check, run, tolerance: toleranceOf(tolerance) };
}

function toleranceOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0 && value < 100) return value;
  throw new ArgumentError('--tolerance', text, 'a number from 0 to below 100, in per cent');
}

/**
 * Runs a benchmark: `measure` returns where its result was written. The exit code is 1 when something got slower than in
 * the stored result by more than the tolerance, 2 on bad input, which `usage` follows. `--help` prints `usage` alone.
 */
export async function runBenchmark<Options extends CheckOptions>(
  usage: string,
  parse: () => Options,
  measure: (options: Options) => Promise<string>,
): Promise<void> {
  if (process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(usage);
    return;
  }
  try {
    const options = parse();
    // Read first: a name that is wrong should be found before the minutes that a run takes.
    const baseline = options.check === undefined ? undefined : readResult(options.check);
    const path = options.run ?? (await measure(options));
    if (!baseline) return;
    const comparison = compareResults(baseline, readResult(path), options.tolerance);
    console.log(comparisonText(comparison, options.tolerance));
    if (comparison.slower.length > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof IncacheError || error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exitCode = 2;
  }
}
