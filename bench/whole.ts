/**
 * What a user feels: a whole trajectory with each cache policy, the start of a process, the memory that
 * DiT-XL/2 takes, and what int8 weights cost in error. `npm run bench:whole [-- name]` runs those named.
 */

import { factors } from './calibrate/svd.js';
import { ddim50 } from './ddim50/index.js';
import { bodyOf } from './report/sections.js';
import { saveJson } from './results.js';
import { int8Error } from './whole/int8Error.js';
import { residentMemory } from './whole/residentMemory.js';
import { startUp } from './whole/startUp.js';
import { trajectory } from './whole/trajectory.js';

/** Each returns lines for people and figures for the file. */
const MEASUREMENTS = { ddim50, trajectory, startUp, int8Error, residentMemory, factors };

const wanted = process.argv[2] ?? '';
const chosen = Object.entries(MEASUREMENTS).filter(([name]) => name.startsWith(wanted));
if (chosen.length === 0) {
  process.stderr.write(
    `nothing here is called '${wanted}'; there are ${Object.keys(MEASUREMENTS).join(', ')}\n`,
  );
  process.exitCode = 2;
}
for (const [what, measure] of chosen) {
  process.stderr.write(`${what}\n`);
  const figures = await measure();
  console.log(`${bodyOf({ what, ...figures })}\n\nwritten to ${await saveJson(what, figures)}\n`);
}
