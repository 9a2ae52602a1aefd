/** Times a case on every build that has a mode for it, between the limits and the rivals. */

import { type Compiled, compileOnRandom } from '../../src/bench/compile.js';
import { type CopyLoop, copyLoop } from '../../src/bench/limits.js';
import { type Contender, interleave, medianRatio, type Times, type Turns } from '../../src/bench/measure.js';
import { median } from '../../src/median.js';
import { planCost } from '../../src/plan/cost.js';
import type { Plan } from '../../src/plan/types.js';
import type { Build } from '../builds.js';
import { loopShare } from '../loopShare.js';
import { statisticsOf, verdict } from '../statistics.js';
import { movedBytes } from './bytes.js';
import type { KernelCase } from './case.js';
import { openRivals, type Rival } from './rivals.js';
import type { KernelRow } from './row.js';

/** A contender, with what is known of it beside its time. */
interface Entry {
  readonly contender: Contender;
  readonly threads: number;
  readonly bytes: number;
  /** The name of the loops' family. */
  readonly family: string;
  /** Rivals and kernels of ours meet within one kind. */
  readonly kind: 'wasm' | 'native';
  readonly isRival: boolean;
  readonly replaced?: Contender | undefined;
  readonly macShare?: number | undefined;
  /** Of the entries of one kind and type, to hold several threads against one. */
  readonly weights?: string;
}

interface Limits {
  readonly loops: ReadonlyMap<string, Contender>;
  readonly memory: CopyLoop;
  readonly cache: CopyLoop;
}

/** Threads of our pools look for work some microseconds, those of V8 compile what a first round has found hot. */
const PAUSE = 5;

const memory = copyLoop('memory');
const cache = copyLoop('cache');

export async function timeCase(
  kernelCase: KernelCase,
  builds: readonly Build[],
  turns: Omit<Turns, 'pause'>,
): Promise<KernelRow[]> {
  const compiled: Compiled[] = [];
  const rivals = kernelCase.rival ? await openRivals(kernelCase.rival()) : [];
  try {
    const entries: Entry[] = rivals.map(rivalEntry(builds, kernelCase));
    for (const build of builds)
      if (applies(build, kernelCase)) entries.push(await enter(build, kernelCase, compiled));
    const loops = new Map(builds.map((build) => [build.family, build.loop()]));
    const limits: Limits = { loops, memory, cache };
    const contenders = [
      ...loops.values(),
      memory,
      cache,
      ...entries.flatMap(({ contender, replaced }) => (replaced ? [contender, replaced] : [contender])),
    ];
    const all = await interleave(contenders, { ...turns, pause: PAUSE });
    const timesOf = (contender: Contender) => all[contenders.indexOf(contender)]!;
    return await Promise.all(entries.map((entry) => rowOf(kernelCase, entry, entries, limits, timesOf)));
  } finally {
    for (const one of compiled) one[Symbol.dispose]();
    for (const { release } of rivals) await release();
  }
}

/** Only linears have an int8 mode. */
function applies({ options }: Build, { kernel }: KernelCase): boolean {
  return options.weights !== 'int8' || kernel === 'linear';
}

async function enter(build: Build, kernelCase: KernelCase, compiled: Compiled[]): Promise<Entry> {
  const { device, family, kind, name, options } = build;
  const plan = kernelCase.plan(device.activations);
  const open = async (what: Plan, as: string): Promise<Contender> => {
    const one = await compileOnRandom(device, what);
    compiled.push(one);
    return { name: as, flops: flopsOf(what), run: () => one.run() };
  };
  const replacedPlan = kernelCase.replaces?.(device.activations);
  return {
    contender: await open(plan, name),
    threads: options.threads,
    bytes: movedBytes(plan, options.weights),
    family,
    kind,
    isRival: false,
    weights: options.weights,
    replaced: replacedPlan && (await open(replacedPlan, `${name}, replaced`)),
    macShare: replacedPlan && flopsOf(plan) / flopsOf(replacedPlan),
  };
}

function rivalEntry(builds: readonly Build[], kernelCase: KernelCase): (rival: Rival) => Entry {
  const plan = kernelCase.plan('f32');
  return ({ contender, kind }) => ({
    contender: { ...contender, flops: flopsOf(plan) },
    threads: 1,
    bytes: movedBytes(plan, 'f32'),
    // The best loop of its kind: it may use any instruction that ours do.
    family: builds.findLast((build) => build.kind === kind && build.options.weights === 'f32')?.family ?? '',
    kind,
    isRival: true,
  });
}

function flopsOf(plan: Plan): number {
  return 2 * planCost(plan).macs;
}

async function rowOf(
  { kernel, shape }: KernelCase,
  entry: Entry,
  entries: readonly Entry[],
  limits: Limits,
  timesOf: (contender: Contender) => Times,
): Promise<KernelRow> {
  const { contender, threads, bytes, kind, isRival, replaced } = entry;
  const { flops, name } = contender;
  const own = timesOf(contender);
  const loop = flops > 0 ? limits.loops.get(entry.family) : undefined;
  const rival =
    isRival || threads > 1 ? undefined : entries.find((other) => other.isRival && other.kind === kind);
  const single = threads > 1 && entries.find((other) => isOneThreadOf(other, entry));
  const copyRate = (copy: CopyLoop) => copy.bytes / median(timesOf(copy)) / 1e6;
  return {
    kernel,
    shape,
    contender: name,
    threads,
    flops,
    bytes,
    times: await statisticsOf(own),
    ...loopShare(loop && { contender: loop, times: timesOf(loop) }, own, flops, threads),
    copyGigabytes: copyRate(limits.memory),
    cacheGigabytes: copyRate(limits.cache),
    ofCopy: (medianRatio(timesOf(limits.memory), own) * bytes) / limits.memory.bytes,
    rival: rival?.contender.name,
    overRival: rival && medianRatio(timesOf(rival.contender), own),
    verdict: rival && (await verdict(own, timesOf(rival.contender))),
    overOneThread: single ? medianRatio(timesOf(single.contender), own) : undefined,
    timeShare: replaced && medianRatio(own, timesOf(replaced)),
    macShare: entry.macShare,
  };
}

function isOneThreadOf(other: Entry, { family, weights }: Entry): boolean {
  return !other.isRival && other.threads === 1 && other.family === family && other.weights === weights;
}
