/** Samples image by image into an evaluation, and goes on where a run that was killed has been. */
import { requireInteger } from '../../errors.js';
import type { Evaluation, EvaluationBatch } from './evaluation.js';
import type { BatchCosts, MeasuredImage } from './imageRow.js';
import { RowFile } from './rowFile.js';
import { type SavedRun, withKept } from './savedRun.js';

/** Images first to first + count - 1, which must depend on nothing but their place. */
export interface SampledBatch extends EvaluationBatch {
  /** Multiply-accumulates and milliseconds that the samples took, without the uncached run. */
  readonly macs: number;
  readonly milliseconds: number;
  /** The same of the uncached run, where it was made for the comparison. */
  readonly uncachedCost?: { readonly macs: number; readonly milliseconds: number };
}

/** A file that gets a row of bytes for every image. */
export interface RowOutput {
  readonly path: string;
  readonly rowBytes: number;
  /** The rows of a batch; `images` are what the evaluation takes in of them. */
  rows(batch: SampledBatch, images: readonly MeasuredImage[]): Uint8Array;
}

export interface EvaluateRunOptions {
  readonly evaluation: Evaluation;
  readonly images: number;
  /** Images sampled together. */
  readonly batch: number;
  readonly sample: (first: number, count: number) => Promise<SampledBatch>;
  readonly outputs?: readonly RowOutput[];
  /** Where the run is kept; without, a run that ends early is lost. */
  readonly saved?: SavedRun;
  /** Between two savings, at the end of a batch. Default 10. */
  readonly saveSeconds?: number;
}

const SAVE_SECONDS = 10;

/** What all images took. */
export interface RunCosts {
  /** MACs of all images, including those from before the run was resumed. */
  readonly macs: number;
  readonly milliseconds: number;
  /** 0 unless an uncached run was made for the comparison. */
  readonly uncachedMacs: number;
  readonly uncachedMilliseconds: number;
}

export interface EvaluateRunResult extends RunCosts {
  /** One for each output, with a row for every image; the caller's to close. */
  readonly files: readonly RowFile[];
}

/** Takes a saved run up: what the evaluation has seen, and what it took. */
function takeUp({ saved, evaluation }: EvaluateRunOptions, totals: Float64Array): void {
  saved?.load((array) => {
    evaluation.restore(array);
    totals.set(array('run.totals') ?? []);
  });
}

/**
 * Evaluates all images that are not evaluated yet. The state is saved whole after the first batch, then as time passes,
 * and when the run ends early for whatever reason; row files are cut back to it when the run is taken up. So the result
 * is the same, bit for bit, however often it was killed; only times differ.
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<EvaluateRunResult> {
  const { evaluation, images, batch, sample, saved, outputs = [], saveSeconds = SAVE_SECONDS } = options;
  requireInteger('batch', batch, 1);
  const totals = new Float64Array(TOTALS);
  takeUp(options, totals);
  const files = openFiles(outputs, evaluation.done);
  let kept = evaluation.done;
  let savedAt = Number.NEGATIVE_INFINITY;
  const save = () => {
    if (!saved || kept === evaluation.done) return;
    // Rows first: a state must never be ahead of them.
    for (const file of files) file.sync();
    saved.save(evaluation.state().set('run.totals', totals));
    kept = evaluation.done;
    savedAt = performance.now();
  };
  try {
    while (evaluation.done < images) {
      const sampled = await sample(evaluation.done, Math.min(batch, images - evaluation.done));
      const measured = evaluation.measure(sampled, await evaluation.extract(sampled));
      // Before the images are taken in: where they cannot be written, the state is that of the rows which are whole.
      for (const [i, output] of outputs.entries()) files[i]!.append(output.rows(sampled, measured));
      evaluation.takeMeasured(measured);
      for (const [i, value] of costsOf(sampled).entries()) totals[i]! += value;
      if (performance.now() - savedAt >= 1000 * saveSeconds) save();
    }
    save();
  } catch (error) {
    try {
      // Rows of the last batch, which may be there in part, only take the room that the state needs.
      for (const file of files) file.cut(evaluation.done);
      save();
    } catch {
      // What ended the run is said; this most likely has the same cause.
    }
    for (const file of files) file[Symbol.dispose]();
    throw saved ? withKept(error, `${kept} images are`) : error;
  }
  return { ...namedCosts(totals), files };
}

/** Totals of a batch, in the order of a saved state. */
export function costsOf({ macs, milliseconds, uncachedCost }: SampledBatch): BatchCosts {
  return [macs, milliseconds, uncachedCost?.macs ?? 0, uncachedCost?.milliseconds ?? 0];
}

/** Sums of `costsOf`. */
export function namedCosts(totals: ArrayLike<number>): RunCosts {
  const [macs, milliseconds, uncachedMacs, uncachedMilliseconds] = Array.from(
    totals,
  ) as unknown as BatchCosts;
  return { macs, milliseconds, uncachedMacs, uncachedMilliseconds };
}

const TOTALS = 4;

function openFiles(outputs: readonly RowOutput[], rows: number): RowFile[] {
  const files: RowFile[] = [];
  try {
    for (const { path, rowBytes } of outputs) files.push(new RowFile(path, rowBytes, rows));
  } catch (error) {
    for (const file of files) file[Symbol.dispose]();
    throw error;
  }
  return files;
}
