/**
 * What a user feels: a whole run with each cache policy beside peers without one, the start of a process, the memory that
 * DiT-XL/2 takes, and what int8 weights cost in error. `npm run bench:whole [-- name] [--check file]` runs those named.
 */
import { parseArgs } from 'node:util';
import { ArgumentError } from '../src/errors.js';
import { CHECK_FLAGS, CHECK_USAGE, type CheckOptions, checkOptions, runBenchmark } from './benchmark.js';
import { factors } from './calibrate/svd.js';
import { ddim50 } from './ddim50/index.js';
import { decoder } from './decoder/index.js';
import { bodyOf } from './report/sections.js';
import { saveJson } from './results.js';
import { textBlock } from './textBlock/index.js';
import { decoderMemory } from './whole/decoderMemory.js';
import { demo } from './whole/demo.js';
import { int8Error } from './whole/int8Error.js';
import { openCheckpoint } from './whole/openCheckpoint.js';
import { picture } from './whole/picture.js';
import { recipes } from './whole/recipes.js';
import { residentMemory } from './whole/residentMemory.js';
import { startUp } from './whole/startUp.js';
import { textEncoder } from './whole/textEncoder.js';
import { trajectory } from './whole/trajectory.js';
import { tune } from './whole/tune.js';

/** Each returns lines for people and figures for the file. */
const MEASUREMENTS = {
  ddim50,
  decoder,
  decoderMemory,
  picture,
  demo,
  trajectory,
  startUp,
  int8Error,
  residentMemory,
  openCheckpoint,
  textBlock,
  textEncoder,
  factors,
  tune,
  recipes,
};

const USAGE = `npm run bench:whole -- [name] [options]

  name                   ${Object.keys(MEASUREMENTS).join(', ')}, or how some begin (all)
${CHECK_USAGE}`;

interface WholeOptions extends CheckOptions {
  readonly names: readonly (keyof typeof MEASUREMENTS)[];
}

await runBenchmark(USAGE, parseWholeOptions, measure);

function parseWholeOptions(): WholeOptions {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: CHECK_FLAGS });
  const all = Object.keys(MEASUREMENTS) as (keyof typeof MEASUREMENTS)[];
  const names = all.filter((name) => name.startsWith(positionals[0] ?? ''));
  if (names.length === 0) throw new ArgumentError('name', positionals[0], `one of ${all.join(', ')}`);
  if (values.check !== undefined && names.length > 1)
    throw new ArgumentError('name', positionals[0], 'one measurement alone, to compare it with --check');
  return { names, ...checkOptions(values) };
}

/** Returns where the last result was written. */
async function measure({ names }: WholeOptions): Promise<string> {
  let path = '';
  for (const what of names) {
    process.stderr.write(`${what}\n`);
    const figures = await MEASUREMENTS[what]();
    path = await saveJson(what, figures);
    console.log(`${bodyOf({ what, ...figures })}\n\nwritten to ${path}\n`);
  }
  return path;
}
