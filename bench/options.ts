/** The command line of the kernels' benchmark. */
import { parseArgs } from 'node:util';
import { ArgumentError } from '../src/errors.js';
import type { Level } from './kernels/case.js';

export interface BenchOptions {
  readonly level: Level;
  /** Part of a kernel's name and shape, and of a build's name; empty for all. */
  readonly filter: string;
  readonly builds: string;
  /** A result file to compare with, and one to take instead of measuring. */
  readonly check?: string | undefined;
  readonly run?: string | undefined;
  /** Per cent. */
  readonly tolerance: number;
  readonly out?: string | undefined;
}

export const USAGE = `npm run bench -- [name] [options]

  name, --filter <text>  kernels and shapes with the text in them, as in 'attention' or 'XL/2 fc1'
  --builds <text>        builds with the text in their names, as in 'simd' or 'bf16, 1 thread'
  --quick                a case a kernel, few rounds: a minute
  --full                 every model, layer, form and rank: half an hour
  --check <file>         compares with a stored result, as shares of the limit; exit code 1 when something got slower
  --tolerance <n>        of --check, in per cent (10)
  --run <file>           of --check: the result to compare, instead of measuring one
  --out <file>           where the result goes (bench/results/kernels-<machine>-<date>.json)
`;

/** Throws an `ArgumentError`, or a `TypeError` of an option that there is not. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      filter: { type: 'string' },
      builds: { type: 'string' },
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      check: { type: 'string' },
      tolerance: { type: 'string' },
      run: { type: 'string' },
      out: { type: 'string' },
    },
  });
  if (values.quick && values.full) throw new ArgumentError('--full', true, 'not both of --quick and --full');
  if (values.run !== undefined && values.check === undefined)
    throw new ArgumentError('--run', values.run, 'a --check to compare it with');
  return {
    level: values.quick ? 'quick' : values.full ? 'full' : 'default',
    filter: values.filter ?? positionals.join(' '),
    builds: values.builds ?? '',
    check: values.check,
    run: values.run,
    tolerance: toleranceOf(values.tolerance ?? '10'),
    out: values.out,
  };
}

function toleranceOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0 && value < 100) return value;
  throw new ArgumentError('--tolerance', text, 'a number from 0 to below 100, in per cent');
}
