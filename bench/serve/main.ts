/**
 * What batching is worth to a server: 64 clients, images drawn one after another and in batches, in turn; then a long run in batches.
 * How long the event loop stands still meanwhile, and whether memory stays flat.
 *
 *     --minutes N   of the long run; 0 for none; default 2
 *     --seconds N   of each of the 12 rounds; default 20
 *
 * So `npm run bench:serve` takes about 7 minutes.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { startServer } from '../../server/src/index.js';
import { EMBEDDED_MODEL } from '../../src/embedded.js';
import { requireModelFolder } from '../../src/modelPackages.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { saveJson } from '../results.js';
import { answerHelp } from '../usage.js';
import { type ClientsFigures, runClients } from './clients.js';

answerHelp(import.meta.url);

const { values: flags } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seconds: { type: 'string', default: '20' } },
});
const LONG_SECONDS = 60 * numberOf('minutes', 0);
const ROUND_SECONDS = numberOf('seconds', 1);
const WARM_UP_SECONDS = 3;
const CLIENTS = 64;
const ROUNDS = 3;
const BATCHES = [1, 8] as const;
const MODELS = [
  { name: 'digits', path: EMBEDDED_MODEL, body: { label: 7, steps: 10 } },
  { name: 'emoji', path: requireModelFolder('emoji'), body: { prompt: 'a red apple, noto', steps: 10 } },
] as const;

interface ServeRow {
  readonly model: string;
  /** Images denoised together at most. */
  readonly batch: number;
  readonly images: number;
  readonly errors: number;
  readonly imagesPerSecond: number;
  readonly medianMilliseconds: number;
  readonly p99Milliseconds: number;
  /** p99 over what a request takes when 64 clients share the throughput evenly. */
  readonly p99OverEven: number;
  /** The longest that the event loop stood still. */
  readonly longestStallMilliseconds: number;
  /** Resident memory after a quarter of the run and at its end, in MiB. */
  readonly residentMebibytes: readonly [number, number];
}

interface Ratio {
  readonly model: string;
  /** Images a second in batches over those one after another, within a round; the median of the rounds. */
  readonly batchedOverSingle: number;
}

const rows: ServeRow[] = [];
const ratios: Ratio[] = [];
for (const model of MODELS) {
  await using pipeline = await Pipeline.load(model.path, { keepTextEncoder: true });
  const rounds: ServeRow[][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round: ServeRow[] = [];
    for (const batch of BATCHES) round.push(await measure(pipeline, model, batch, ROUND_SECONDS));
    rounds.push(round);
  }
  rows.push(
    ...BATCHES.map((_, i) =>
      middle(
        rounds.map((round) => round[i]!),
        (row) => row.imagesPerSecond,
      ),
    ),
  );
  const gains = rounds.map(([single, batched]) => batched!.imagesPerSecond / single!.imagesPerSecond);
  ratios.push({ model: model.name, batchedOverSingle: middle(gains, (gain) => gain) });
  if (model.name === 'emoji' && LONG_SECONDS > 0)
    rows.push(await measure(pipeline, model, BATCHES[1], LONG_SECONDS));
}
const text = table(rows, ratios);
const isPartial = ROUND_SECONDS < 20 || LONG_SECONDS < 120;
console.log(`${text}\n\nwritten to ${await saveJson('serve', { text, rows, ratios }, { isPartial })}`);

function numberOf(name: 'minutes' | 'seconds', least: number): number {
  const value = Number(flags[name]);
  if (value >= least && value <= 1440) return value;
  console.error(`--${name} is '${flags[name]}'; expected a number from ${least} to 1440`);
  process.exit(2);
}

/** The median, for an odd number of them. */
function middle<T>(all: readonly T[], by: (each: T) => number): T {
  return [...all].sort((a, b) => by(a) - by(b))[all.length >> 1]!;
}

async function measure(
  pipeline: Pipeline,
  { name, body }: (typeof MODELS)[number],
  batch: number,
  seconds: number,
): Promise<ServeRow> {
  const server = await startServer(pipeline, { port: 0, batching: { size: batch } });
  // Sessions of all sizes are there, and the code is compiled.
  await runClients({ address: server.address, clients: CLIENTS, seconds: WARM_UP_SECONDS, body });
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  const early = new Promise<number>((resolve) => setTimeout(() => resolve(mebibytes()), 250 * seconds));
  const figures = await runClients({ address: server.address, clients: CLIENTS, seconds, body });
  stalls.disable();
  const resident = [await early, mebibytes()] as const;
  await server.close();
  const row = {
    ...{ model: name, batch, images: figures.latencies.length, errors: figures.errors },
    ...timesOf(figures),
    longestStallMilliseconds: stalls.max / 1e6,
    residentMebibytes: resident,
  };
  // The run is long: what is known is told.
  process.stderr.write(`${name}, batch ${batch}: ${row.imagesPerSecond.toFixed(1)} images/s\n`);
  return row;
}

function timesOf({ latencies, seconds }: ClientsFigures) {
  const at = (share: number) => latencies[Math.floor(share * (latencies.length - 1))]!;
  const imagesPerSecond = latencies.length / seconds;
  return {
    imagesPerSecond,
    medianMilliseconds: at(0.5),
    p99Milliseconds: at(0.99),
    p99OverEven: at(0.99) / ((1000 * CLIENTS) / imagesPerSecond),
  };
}

function mebibytes(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

function table(all: readonly ServeRow[], gains: readonly Ratio[]): string {
  const lines = all.map((row) => {
    const { model, batch, images, errors } = row;
    const numbers = [row.imagesPerSecond, row.medianMilliseconds, row.p99Milliseconds].map((x) =>
      x.toFixed(1),
    );
    const resident = row.residentMebibytes.map((x) => x.toFixed(0)).join(' to ');
    const cells = [model, batch, images, errors, ...numbers, row.p99OverEven.toFixed(2)];
    return `| ${[...cells, row.longestStallMilliseconds.toFixed(1), resident].join(' | ')} |`;
  });
  return [
    `${CLIENTS} clients on loopback, each asking for one image of 10 steps after another; images one by one (batch 1) and in batches.`,
    '',
    '| model | batch | images | errors | images/s | median, ms | p99, ms | p99 over even shares | longest stall of the event loop, ms | resident, MiB |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
    ...gains.map(
      ({ model, batchedOverSingle }) =>
        `${model}: ${batchedOverSingle.toFixed(2)} times the images a second in batches, the median of ${ROUNDS} rounds.`,
    ),
  ].join('\n');
}
