import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Device, DeviceTensor, Executable, WeightPrecision } from '../../backend/backend.js';
import { backends, openDevice } from '../../backend/choose.js';
import { NativeDevice } from '../../backend/native/device.js';
import { detectFeatures } from '../../backend/wasm/features.js';
import { normals } from '../../diffusion/philox.js';
import { requireInteger, requireOneOf } from '../../errors.js';
import { type LinearAction, uniformActions } from '../../models/actions.js';
import { emitBlock } from '../../models/block.js';
import { type DiTConfig, namedConfig, tokensOf } from '../../models/config.js';
import { PlanBuilder } from '../../plan/builder.js';
import { opCost } from '../../plan/cost.js';
import type { FloatType, Plan, PlanStep } from '../../plan/types.js';
import { interruptSignal } from '../exit.js';
import { integer } from '../parse.js';
import { startProgress } from '../progress.js';
import { addOutputFlags, type OutputFlags } from '../shared.js';
import { table } from '../table.js';

interface BenchFlags extends OutputFlags {
  readonly size: string;
  readonly backend?: string;
  readonly threads?: number;
  readonly rank: number;
  readonly rounds: number;
}

/** An operation on one device, or a limit. */
interface Timed {
  readonly name: string;
  readonly macs: number;
  readonly bytes: number;
  run(): Promise<void> | void;
}

interface BenchRow {
  readonly backend: string;
  readonly weights: string;
  readonly threads: number;
  readonly operation: string;
  readonly milliseconds: number;
  /** Null of an operation without matrix products. */
  readonly gflops: number | null;
  /** Of the multiply-add loop on one thread, and the rate over that of as many loops; null where there is no loop. */
  readonly loopGflops: number | null;
  readonly ofLoop: number | null;
  /** When each operand moves once, and what copying in memory reaches. */
  readonly gigabytes: number;
  readonly copyGigabytes: number;
}

/** Backends whose kernels are meant to be fast, and the precisions that they have. */
const CANDIDATES: readonly (readonly [backend: string, weights: WeightPrecision])[] = [
  ['cuda', 'bf16'],
  ['native', 'f32'],
  ['native', 'bf16'],
  ['wasm', 'f32'],
];
const WARM_UP = 2;
const IMAGES = 1;

export function registerBench(program: Command): void {
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
  const config = namedConfig(flags.size);
  requireInteger('rank', flags.rank, 1, config.hiddenSize);
  const present = CANDIDATES.filter(([name]) => isPresent(name));
  if (flags.backend !== undefined)
    requireOneOf('backend', flags.backend, [...new Set(present.map(([name]) => name))]);
  const chosen = present.filter(([name]) => name === (flags.backend ?? name));
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
        const timed = await openOperations(device, config, flags.rank);
        const loop = multiplyAddLoop(device);
        const times = await inTurn([memoryCopy(), ...(loop ? [loop] : []), ...timed], flags.rounds, () => {
          signal.throwIfAborted();
          progress.advance();
        });
        rows.push(...rowsOf(device, weights, loop, timed, times));
      } finally {
        await device.dispose();
      }
    }
  } finally {
    progress.stop();
  }
  print(flags, rows);
}

function isPresent(name: string): boolean {
  return backends().some((backend) => backend.name === name && backend.available);
}

/** Every operation of the block in full, and what takes its place when it is calibrated. */
async function openOperations(device: Device, config: DiTConfig, rank: number): Promise<Timed[]> {
  const full = await openPlan(device, blockPlan(config, 'compute', rank, device.activations));
  const calibrated = await openPlan(device, blockPlan(config, 'calibrate', rank, device.activations));
  const known = new Set(full.map(({ name }) => name));
  return [...full, ...calibrated.filter(({ name }) => !known.has(name))];
}

function blockPlan(config: DiTConfig, action: LinearAction, rank: number, activations: FloatType): Plan {
  const builder = new PlanBuilder(`block.${action}`);
  const cache = {
    form: 'input',
    splitQkv: [false],
    fusedMlp: [action === 'calibrate'],
    rank: () => rank,
    factorPrefix: '',
  } as const;
  const x = builder.state('x', IMAGES * tokensOf(config), config.hiddenSize);
  const modulation = builder.input('modulation', IMAGES, 6 * config.hiddenSize);
  emitBlock({ builder, config, cache, activations }, 0, uniformActions(action), x, modulation);
  return builder.build();
}

/** Each operation as a plan of its own on the buffers of the whole, what lies between two of them kept. */
async function openPlan(device: Device, plan: Plan): Promise<Timed[]> {
  const buffers = plan.buffers.map((buffer) =>
    buffer.role === 'temporary' ? { ...buffer, role: 'state' as const } : buffer,
  );
  const sizes = new Map(buffers.map(({ name, rows, columns }) => [name, rows * columns]));
  let stream = 0;
  const random = (count: number) => normals(0, stream++, 0, count).map((value) => value * 0.05);
  const weights = device.loadWeights({ read: (name) => random(sizes.get(name)!) });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, rows, columns, type } of buffers) {
    if (role === 'weight') continue;
    const tensor = device.allocate(rows, columns, type);
    tensor.write(random(rows * columns));
    tensors.set(name, tensor);
  }
  const timed = new Map<string, Timed>();
  for (const step of plan.ops) {
    const name = nameOf(step);
    if (timed.has(name)) continue;
    const one: Plan = { name, buffers, ops: [step] };
    const executable: Executable = await device.compile(one, { weights, tensors });
    timed.set(name, { name, ...opCost(step.op, buffers), run: () => executable.run() });
  }
  return [...timed.values()];
}

function nameOf({ layer, op }: PlanStep): string {
  const place = layer.split('.').at(-1)!;
  return op.op === 'linear' || op.op === 'calibratedLinear' ? `${op.op} ${place}` : op.op;
}

/** Milliseconds of each in each round. A run that does not count comes before the one that does: a step follows a step. */
async function inTurn(
  all: readonly Timed[],
  rounds: number,
  onRound: () => void,
): Promise<Map<Timed, number[]>> {
  const times = new Map(all.map((timed): [Timed, number[]] => [timed, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    onRound();
    for (const [timed, taken] of times) {
      await timed.run();
      const start = performance.now();
      await timed.run();
      if (round >= 0) taken.push(performance.now() - start);
    }
  }
  return times;
}

function multiplyAddLoop(device: Device): Timed | undefined {
  if (device.backend === 'wasm') return wasmLoop(detectFeatures().relaxed ? 'relaxed' : 'simd');
  if (device.backend === 'native' && device instanceof NativeDevice)
    return nativeLoop(device, device.activations);
  return undefined;
}

/** The loop of one build, on one thread, as in bench/peak.ts, which is not part of the package. */
function wasmLoop(build: 'simd' | 'relaxed'): Timed {
  // Several calls: one alone would stay in the baseline compiler's code to its end.
  const [macsOfRound, rounds, calls] = [32, 50_000, 4];
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = readFileSync(new URL(`../../../wasm/peak-${build}.wasm`, import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const peak = exports.peak as (rounds: number, factors: number) => number;
  return {
    name: `multiply-add loop, ${build}`,
    macs: macsOfRound * rounds * calls,
    bytes: 0,
    run: () => {
      for (let i = 0; i < calls; i++) peak(rounds, 64);
    },
  };
}

/** The loop of the native kernels' instruction set, on one thread: about 20 ms, as long as what is held against it. */
function nativeLoop(device: NativeDevice, type: FloatType): Timed {
  const rounds = 10_000_000;
  return {
    name: `multiply-add loop, ${device.instructionSet} ${type}`,
    macs: (device.peak(type, 1) / 2) * rounds,
    bytes: 0,
    run: () => void device.peak(type, rounds),
  };
}

/** On one thread, of more than caches hold. */
function memoryCopy(): Timed {
  const size = 64 * 2 ** 20;
  const [source, target] = [new Uint8Array(size).fill(1), new Uint8Array(size)];
  return { name: 'copy', macs: 0, bytes: 2 * size, run: () => target.set(source) };
}

function rowsOf(
  { backend, threads }: Device,
  weights: string,
  loop: Timed | undefined,
  operations: readonly Timed[],
  times: ReadonlyMap<Timed, readonly number[]>,
): BenchRow[] {
  const milliseconds = (timed: Timed) => median(times.get(timed)!);
  const copy = [...times.keys()].find(({ name }) => name === 'copy')!;
  const loopGflops = loop ? (2 * loop.macs) / milliseconds(loop) / 1e6 : null;
  return operations.map((timed) => {
    const gflops = timed.macs > 0 ? (2 * timed.macs) / milliseconds(timed) / 1e6 : null;
    return {
      backend,
      weights,
      threads,
      operation: timed.name,
      milliseconds: milliseconds(timed),
      gflops,
      loopGflops,
      ofLoop: gflops !== null && loopGflops !== null ? gflops / (loopGflops * threads) : null,
      gigabytes: timed.bytes / milliseconds(timed) / 1e6,
      copyGigabytes: copy.bytes / milliseconds(copy) / 1e6,
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
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
