/**
 * What a user feels: a whole trajectory with each cache policy, the start of a process, the memory that
 * DiT-XL/2 takes, and what int8 weights cost in error. `npm run bench:whole [-- name]` runs those named.
 */

import { factors } from './calibrate/svd.js';
import { saveJson } from './results.js';
import { int8Error } from './whole/int8Error.js';
import { randomModel } from './whole/randomModel.js';
import { residentMemory } from './whole/residentMemory.js';
import { startUp } from './whole/startUp.js';
import { trajectory } from './whole/trajectory.js';

/** Each returns lines for people and figures for the file. */
const MEASUREMENTS = { trajectory, randomModel, startUp, int8Error, residentMemory, factors };

const wanted = process.argv[2] ?? '';
for (const [name, measure] of Object.entries(MEASUREMENTS)) {
  if (!name.startsWith(wanted)) continue;
  process.stderr.write(`${name}\n`);
  const figures = await measure();
  console.log(`${figures.text}\n\nwritten to ${await saveJson(name, figures)}\n`);
}
