/**
 * How the time of DiT-S/2 blocks grows with threads, batch, tokens, depth and rank, with fitted exponents:
 * `npm run bench:scaling [-- name] [--quick]`.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { openDevice } from '../../src/backend/choose.js';
import { type Contender, interleave } from '../../src/bench/measure.js';
import { saveJson } from '../results.js';
import { statisticsOf } from '../statistics.js';
import { answerHelp } from '../usage.js';
import { type Blocks, openBlocks } from './blocks.js';
import { type Sweep, sweepOf, sweepTable } from './sweep.js';
import { type SweepPlan, sweepPlans } from './sweeps.js';

answerHelp(import.meta.url);

const CONTENDERS = [
  ['native', 'f32'],
  ['native', 'bf16'],
  ['wasm', 'f32'],
] as const;
const PAUSE = 5;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const turns = flags.quick
  ? { rounds: 5, warmUp: 1, pause: PAUSE, seconds: 3 }
  : { rounds: 15, warmUp: 2, pause: PAUSE, seconds: 20 };
const cores = availableParallelism();
const sweeps: Sweep[] = [];
for (const plan of sweepPlans(cores, flags.quick)) {
  if (!plan.name.startsWith(positionals[0] ?? '') || plan.values.length < 2) continue;
  for (const [backend, weights] of CONTENDERS) {
    process.stderr.write(`${plan.name}, ${backend} ${weights}\n`);
    const sweep = await measure(plan, backend, weights);
    if (sweep) sweeps.push(sweep);
  }
}
const text = `DiT-S/2 blocks: 2 images, 256 tokens, 2 blocks where nothing else is said (tokens: 1 image, 1 block), ${cores} threads. Expected: the exponent of the multiply-adds over the same points`;
console.log(sweepTable(sweeps));
const isPartial = flags.quick || positionals.length > 0;
console.log(`\nwritten to ${await saveJson('scaling', { text, rows: sweeps }, { isPartial })}`);

/** Undefined, with a word, where there is no such backend. */
async function measure(
  plan: SweepPlan,
  backend: string,
  weights: 'f32' | 'bf16',
): Promise<Sweep | undefined> {
  const points = plan.values.map((value) => ({ x: value, ...plan.at(value, cores) }));
  const devices = new Map<number, Awaited<ReturnType<typeof openDevice>>>();
  const opened: Blocks[] = [];
  try {
    for (const { threads, ...shape } of points) {
      const device = devices.get(threads) ?? (await openDevice(backend, { threads, weights }));
      devices.set(threads, device);
      opened.push(await openBlocks(device, shape));
    }
    const contenders = opened.map(
      (blocks, i): Contender => ({
        name: `${points[i]!.x}`,
        flops: 2 * blocks.macs,
        run: () => blocks.run(),
      }),
    );
    const times = await interleave(contenders, turns);
    const measured = points.map(async ({ x }, i) => ({
      x,
      macs: opened[i]!.macs,
      times: await statisticsOf(times[i]!),
    }));
    return sweepOf(plan.name, `${backend} ${weights}`, await Promise.all(measured));
  } catch (error) {
    if (devices.size > 0) throw error;
    process.stderr.write(`${backend} ${weights} is left out: ${(error as Error).message}\n`);
    return undefined;
  } finally {
    for (const blocks of opened) blocks[Symbol.dispose]();
    for (const device of devices.values()) await device.dispose();
  }
}
