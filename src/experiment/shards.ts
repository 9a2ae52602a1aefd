/**
 * One experiment by many machines: each takes some of the measurements in a folder of its own, and whoever merges them reports all.
 * Neighbours go together, because they often need the same factors.
 */
import { join } from 'node:path';
import { ArgumentError, IncacheError } from '../errors.js';
import {
  countShards,
  measuredFolder,
  requireShard,
  type Shard,
  type ShardRange,
  shardFolder,
} from '../evaluate/runs/shardFolders.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { loadSvgRenderer } from './chart/renderSvg.js';
import type { Measurement, Row, Tables } from './experiment.js';
import { MeasurementStore } from './measurementStore.js';
import {
  type ExperimentOptions,
  type PreparedExperiment,
  prepareExperiment,
  takeMeasurements,
  WORK,
  writeResults,
} from './runExperiment.js';

/**
 * Takes the measurements of a shard, and those that they are compared with, and keeps them in a folder of its own inside that of the
 * results, which all shards share. What was kept there by a run that was killed is not taken again. Returns which measurements they
 * are. Throws as `runExperiment`, and an `ArgumentError` for an experiment of times.
 */
export async function experimentShard(
  pipeline: Pipeline,
  name: string,
  options: ExperimentOptions,
  shard: Shard,
): Promise<ShardRange> {
  requireShard(shard);
  const folder = shardFolder(join(options.out, WORK), shard);
  const run = await prepareExperiment(pipeline, name, options, folder);
  requireUntimed(run);
  const parts = partsOf(run.measurements, shard.of);
  const own = run.measurements.filter((_, i) => parts[i] === shard.index);
  const first = parts.indexOf(shard.index);
  const before = new Set(own.map(({ after }) => after));
  const taken = run.measurements.filter((each) => own.includes(each) || before.has(each.name));
  using store = await MeasurementStore.open(folder, run.key);
  await takeMeasurements(taken, store, options);
  return { first: Math.max(0, first), count: own.length };
}

/**
 * Writes the results of an experiment of which every shard is in the folder; `options` are those of the shards. Nothing is measured.
 * Rejects with an `IncacheError` that names the shard which is missing or not at its end, and with an `ArgumentError` for one of another
 * experiment.
 */
export async function mergeExperiment(
  pipeline: Pipeline,
  name: string,
  options: ExperimentOptions,
): Promise<Tables> {
  const run = await prepareExperiment(pipeline, name, options);
  requireUntimed(run);
  const renderSvg = await loadSvgRenderer();
  const folder = join(options.out, WORK);
  const of = countShards(folder);
  const parts = partsOf(run.measurements, of);
  const taken: [Measurement, readonly Row[]][] = [];
  for (let index = 0; index < of; index++) {
    const own = run.measurements.filter((_, i) => parts[i] === index);
    if (own.length > 0) taken.push(...(await rowsOf(own, measuredFolder(folder, { index, of }), run)));
  }
  // Last: shards of another experiment leave nothing behind.
  using store = await MeasurementStore.open(folder, run.key);
  for (const [measurement, rows] of taken) store.save(measurement, rows);
  const tables = await takeMeasurements(run.measurements, store, options);
  await writeResults(run, tables, options, renderSvg);
  return tables;
}

/** What a shard has measured. */
async function rowsOf(
  measurements: readonly Measurement[],
  folder: string,
  { key }: PreparedExperiment,
): Promise<[Measurement, readonly Row[]][]> {
  using shard = await MeasurementStore.open(folder, key);
  return measurements.map((measurement) => {
    const rows = shard.load(measurement);
    if (rows) return [measurement, rows];
    throw new IncacheError(`${folder} lacks ${measurement.name}; measure the shard to its end first`);
  });
}

function requireUntimed({ measurements }: PreparedExperiment): void {
  if (measurements.some(({ isTimed }) => isTimed))
    throw new ArgumentError(
      'times',
      true,
      'false (--no-times on the command line), because times of several machines do not compare',
    );
}

/** The shard of each measurement: runs of them, as nearly of the same work as they can be divided. */
function partsOf(measurements: readonly Measurement[], of: number): number[] {
  const total = measurements.reduce((sum, { work }) => sum + work, 0);
  let before = 0;
  return measurements.map(({ work }) => {
    const middle = before + work / 2;
    before += work;
    return Math.min(of - 1, Math.floor((of * middle) / total));
  });
}
