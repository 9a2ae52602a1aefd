import { availableParallelism, loadavg } from 'node:os';
import { type Command, Option } from 'commander';
import type { Device, WeightPrecision } from '../../backend/backend.js';
import { backends, openDevice, probeBackends } from '../../backend/choose.js';
import { copyLoop } from '../../bench/limits.js';
import { type Contender, interleave } from '../../bench/measure.js';
import { type Operation, openOperations } from '../../bench/operations.js';
import { peakLoopOf } from '../../bench/peak.js';
import { requireInteger, requireOneOf } from '../../errors.js';
import { median } from '../../median.js';
import { namedNetwork } from '../../models/families.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { integer } from '../parse.js';
import { startProgress } from '../progress.js';
import { addOutputFlags, type OutputFlags } from '../shared.js';
import { counted, table } from '../table.js';

interface BenchFlags extends OutputFlags {
  readonly size: string;
  readonly backend?: string;
  readonly threads?: number;
  readonly rank: number;
  readonly rounds: number;
}

interface BenchRow {
  readonly backend: string;
  readonly weights: string;
  readonly threads: number;
  readonly operation: string;
  readonly milliseconds: number;
  /** Null of an operation without matrix products. */
  readonly gflops: number | null;
  /** Rate of the multiply-add loop on one thread, and the rate over that of as many loops; null where there is no loop. */
  readonly loopGflops: number | null;
  readonly ofLoop: number | null;
  /** When each operand moves once, and what copying in memory reaches. */
  readonly gigabytes: number;
  readonly copyGigabytes: number;
}

/** Backends whose kernels are meant to be fast, and the precisions that they have. `gpu` only when it is asked for. */
const CANDIDATES: readonly (readonly [backend: string, weights: WeightPrecision])[] = [
  ['cuda', 'bf16'],
  ['native', 'f32'],
  ['native', 'bf16'],
  ['wasm', 'f32'],
  ['gpu', 'f32'],
];
const WARM_UP = 2;
/** Milliseconds: threads of our pools look for work for some microseconds after a run. */
const PAUSE = 5;

export function register(program: Command): void {
  const command = program
    .command('bench')
    .description(
      'Time the operations of one DiT block on random values on the backends that are present, beside a loop of multiply-adds and a copy in memory.',
    )
    .option('--size <name>', 'a size of the DiT paper, of which a block is taken', 'DiT-XL/2')
    .addOption(new Option('--backend <name>', 'only this backend, see incache info'))
    .option('--threads <n>', 'threads (default: one for each core)', integer('threads', 1))
    .option('-r, --rank <r>', 'rank of the calibrated linears', integer('rank', 1), 128)
    .option('--rounds <n>', 'runs of which the median is taken', integer('rounds', 1, 1000), 9);
  addOutputFlags(command).action(runBench);
}

async function runBench(flags: BenchFlags): Promise<void> {
  const network = namedNetwork(flags.size);
  requireInteger('rank', flags.rank, 1, network.width);
  const statuses = flags.backend === 'gpu' ? await probeBackends() : backends();
  const present = CANDIDATES.filter(([name]) => statuses.some((s) => s.name === name && s.available));
  if (flags.backend !== undefined)
    requireOneOf('backend', flags.backend, [...new Set(present.map(([name]) => name))]);
  const chosen = present.filter(([name]) => name === (flags.backend ?? name));
  noteBusyMachine();
  if (flags.backend === 'gpu') note(statuses.find(({ name }) => name === 'gpu')!.detail);
  const signal = interruptSignal();
  const progress = startProgress('bench', chosen.length * (flags.rounds + WARM_UP), flags.json === true);
  const rows: BenchRow[] = [];
  try {
    for (const [backend, weights] of chosen) {
      const device = await openDevice(backend, {
        weights,
        ...(flags.threads !== undefined && { threads: flags.threads }),
      });
      try {
        const onRound = () => {
          signal.throwIfAborted();
          progress.advance();
        };
        const operations = await openOperations(device, network, flags.rank);
        rows.push(...(await timeOperations(device, weights, operations, { rounds: flags.rounds, onRound })));
      } finally {
        await device.dispose();
      }
    }
  } finally {
    progress.stop();
  }
  if (rows.some(({ ofLoop }) => ofLoop !== null && ofLoop > 1.1))
    note(
      'some operations seem faster than the loop, which is not possible: the machine was busy meanwhile, measure again',
    );
  print(flags, rows);
}

/** What others run takes from our threads and from the loop alike, but not at the same moments. */
function noteBusyMachine(): void {
  const load = loadavg()[0]!;
  const processors = availableParallelism();
  if (load > 0.5 * processors)
    note(
      `the machine is busy (load ${load.toFixed(1)} on ${counted(processors, 'processor')}): times and shares may be far off`,
    );
}

/** Each of them in turn with the limits. */
async function timeOperations(
  device: Device,
  weights: string,
  operations: readonly Operation[],
  turns: { readonly rounds: number; readonly onRound: () => void },
): Promise<BenchRow[]> {
  const [copy, loop] = [copyLoop('memory'), peakLoopOf(device)];
  const contenders = [copy, ...(loop ? [loop] : []), ...operations];
  const times = await interleave(contenders, { ...turns, warmUp: WARM_UP, pause: PAUSE });
  const milliseconds = (contender: Contender) => median(times[contenders.indexOf(contender)]!);
  const { backend, threads } = device;
  const loopGflops = loop ? loop.flops / milliseconds(loop) / 1e6 : null;
  return operations.map((operation) => {
    const { name, flops, bytes } = operation;
    const gflops = flops > 0 ? flops / milliseconds(operation) / 1e6 : null;
    return {
      backend,
      weights,
      threads,
      operation: name,
      milliseconds: milliseconds(operation),
      gflops,
      loopGflops,
      ofLoop: gflops !== null && loopGflops !== null ? gflops / (loopGflops * threads) : null,
      gigabytes: bytes / milliseconds(operation) / 1e6,
      copyGigabytes: copy.bytes / milliseconds(copy) / 1e6,
    };
  });
}

function print({ size, json }: BenchFlags, rows: readonly BenchRow[]): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ size, rows })}\n`);
    return;
  }
  const cells = rows.map((row) => [
    `${row.backend} ${row.weights}, ${row.threads} ${row.threads === 1 ? 'thread' : 'threads'}`,
    row.operation,
    row.milliseconds.toFixed(2),
    row.gflops?.toFixed(1) ?? '',
    row.ofLoop === null ? '' : `${(row.ofLoop * 100).toFixed(0)} % of ${row.loopGflops!.toFixed(0)}`,
    row.gigabytes.toFixed(1),
    `${((row.gigabytes / row.copyGigabytes) * 100).toFixed(0)} % of ${row.copyGigabytes.toFixed(0)}`,
  ]);
  process.stdout.write(
    table([size, 'operation', 'ms', 'GFLOP/s', 'of the loop', 'GB/s', 'of a copy'], cells),
  );
}
