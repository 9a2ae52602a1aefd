/**
 * One evaluation by many machines, without any that they talk to: each samples some of the batches and keeps a row of every image,
 * and whoever merges them takes in the rows in the order of the images. So the figures are those of one machine, bit for bit.
 */
import { ArgumentError, IncacheError } from '../../errors.js';
import { requireOptions } from '../../optionNames.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import {
  EVALUATE_OPTION_NAMES,
  type EvaluateOptions,
  type EvaluationReport,
  type PreparedEvaluation,
  prepareEvaluation,
  reportOf,
} from './evaluateModel.js';
import { costsOf, evaluateRun, namedCosts, type RowOutput } from './evaluateRun.js';
import { ImageRows } from './imageRow.js';
import { RowFile } from './rowFile.js';
import { featureBytes } from './runOutputs.js';
import type { RunKey } from './savedRun.js';
import {
  countShards,
  openMeasured,
  openShard,
  requireShard,
  type Shard,
  type ShardRange,
  shardRange,
} from './shardFolders.js';

/** Files that a run on one machine writes while it samples. */
const NOT_OF_SHARDS = ['samples', 'npz'] as const;
const ROWS = 'rows.bytes';
/** Rows that are read at a time. */
const CHUNK = 256;

/**
 * Samples the images of a shard and keeps what `mergeShards` needs in a folder of its own inside `options.folder`, which all shards
 * share. What was kept there by a run that was killed is not sampled again. Returns the images of the shard. Throws as `evaluateModel`.
 */
export async function evaluateShard(
  pipeline: Pipeline,
  options: EvaluateOptions,
  shard: Shard,
): Promise<ShardRange> {
  const folder = requireShardOptions(options);
  requireShard(shard);
  const { images, extractor } = options;
  const { first, count } = shardRange(shard, images, Math.min(options.batch ?? 16, images));
  const run = await prepareEvaluation(pipeline, options, Math.max(1, count));
  using saved = await openShard(folder, keyOf(run), shard);
  const rows = new ImageRows(extractor);
  const output: RowOutput = {
    path: saved.path(ROWS),
    rowBytes: rows.rowBytes,
    rows: (batch, measured) => rows.encode(measured, costsOf(batch)),
  };
  const { files } = await evaluateRun({
    evaluation: run.evaluation,
    images: count,
    batch: run.batch,
    sample: (own, some) => run.sample(first + own, some),
    outputs: [output],
    saved,
  });
  for (const file of files) file[Symbol.dispose]();
  return { first, count };
}

/**
 * The report of a run of which every shard is in `options.folder`; `options` are those of the shards. Nothing is sampled. Rejects with an
 * `IncacheError` that names the shard which is missing or not at its end, and with an `ArgumentError` for one of another run.
 */
export async function mergeShards(pipeline: Pipeline, options: EvaluateOptions): Promise<EvaluationReport> {
  const folder = requireShardOptions(options);
  const run = await prepareEvaluation(pipeline, options);
  const { images, precisionRecall } = options;
  const of = countShards(folder);
  const totals = new Float64Array(4);
  const features: Uint8Array[] = [];
  for (let index = 0; index < of; index++) {
    const shard = { index, of };
    const { first, count } = shardRange(shard, images, run.batch);
    if (first !== run.evaluation.done)
      throw new IncacheError(`${folder} has shards of another number of images`);
    for await (const batch of rowsOf(folder, shard, count, options, keyOf(run))) {
      const measured = batch.map(({ image }) => image);
      run.evaluation.takeMeasured(measured);
      for (const { costs } of batch) for (const [i, value] of costs.entries()) totals[i]! += value;
      if (precisionRecall) features.push(featureBytes(measured));
    }
  }
  const all = precisionRecall ? new Uint8Array(Buffer.concat(features)) : undefined;
  return reportOf(run, options, namedCosts(totals), all);
}

/** The rows of a shard, some at a time. */
async function* rowsOf(
  folder: string,
  shard: Shard,
  count: number,
  { extractor }: EvaluateOptions,
  key: RunKey,
) {
  if (count === 0) return;
  using saved = await openMeasured(folder, key, shard);
  let done = 0;
  saved.load((array) => {
    done = array('done')?.[0] ?? 0;
  });
  if (done !== count)
    throw new IncacheError(
      `${saved.folder} has ${done} of its ${count} images; evaluate the shard to its end first`,
    );
  const rows = new ImageRows(extractor);
  using file = new RowFile(saved.path(ROWS), rows.rowBytes, count);
  for (let first = 0; first < count; first += CHUNK)
    yield rows.decode(file.read(first, Math.min(CHUNK, count - first)));
}

function requireShardOptions(options: EvaluateOptions): string {
  requireOptions('options', options, EVALUATE_OPTION_NAMES);
  for (const name of NOT_OF_SHARDS)
    if (options[name] !== undefined)
      throw new ArgumentError(name, options[name], 'no value, because the run is divided into shards');
  if (options.folder === undefined)
    throw new ArgumentError('folder', options.folder, 'a folder that all shards share');
  return options.folder;
}

/** Batches begin at the same images in all shards. */
function keyOf({ key, batch }: PreparedEvaluation): RunKey {
  return { ...key, batch };
}
