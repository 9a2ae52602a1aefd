/**
 * node dist/bench/cuda/main.js runs [--tokens N] [--images N]
 *                                              times whole runs, all or those, and prints a line of JSON for each
 * node dist/bench/cuda/main.js collect FILE    from the lines of `run.sh` to bench/results/cuda-<device>-<date>.json
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ArgumentError } from '../../src/errors.js';
import { versions } from '../machine.js';
import { RESULTS, saveJson } from '../results.js';
import { answerHelp } from '../usage.js';
import { collect } from './collect.js';
import { main as runs } from './runs.js';

answerHelp(import.meta.url);

const number = { type: 'string' } as const;
const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { tokens: number, images: number },
});
const [what, file] = positionals;
if (what === 'runs') await runs({ tokens: numberOf(values.tokens), images: numberOf(values.images) });
else if (what === 'collect' && file !== undefined) console.log(await save(readFileSync(file, 'utf8')));
else throw new ArgumentError('command', what, 'runs, or collect and a file');

function save(lines: string): Promise<string> {
  const { device, nvcc, torch, copyGigabytes, rows } = collect(lines);
  const name = device.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  // Of the host nothing: the GPU is what was measured.
  const machine = { name, chip: name, cores: 0, clocks: [0, 0], instructionSets: [] };
  const { node, v8, incache } = versions();
  const date = new Date().toISOString().slice(0, 10);
  const figures = { machine, versions: { node, v8, incache, nvcc, torch }, copyGigabytes, rows };
  return saveJson('cuda', figures, { path: `${RESULTS}/cuda-${name}-${date}.json` });
}
