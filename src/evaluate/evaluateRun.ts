/** Samples image by image into an evaluation, and goes on where a run that was killed has been. */
import { requireInteger } from '../errors.js';
import type { Evaluation, EvaluationBatch } from './evaluation.js';
import { RowFile } from './rowFile.js';
import type { SavedRun } from './savedRun.js';

/** Images first to first + count - 1, which must depend on nothing but their place. */
export interface SampledBatch extends EvaluationBatch {
  /** Multiply-accumulates and milliseconds that the samples took, without the uncached run. */
  readonly macs: number;
  readonly milliseconds: number;
}

/** A file that gets a row of bytes for every image. */
export interface RowOutput {
  readonly path: string;
  readonly rowBytes: number;
  /** The rows of a batch; `features` are what the evaluation's extractor gave. */
  rows(batch: SampledBatch, features: Float32Array | undefined): Uint8Array;
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
  /** Images between two savings. Default 128. */
  readonly saveEvery?: number;
}

export interface EvaluateRunResult {
  /** Of all images, those before the run was taken up again included. */
  readonly macs: number;
  readonly milliseconds: number;
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
 * Evaluates all images that are not evaluated yet. The state is saved whole every so many images and when `sample`
 * fails or is aborted; row files are cut back to it when the run is taken up. So the result is the same, bit for
 * bit, however often it was killed; only times differ.
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<EvaluateRunResult> {
  const { evaluation, images, batch, saved, outputs = [], saveEvery = 128 } = options;
  requireInteger('batch', batch, 1);
  requireInteger('saveEvery', saveEvery, 1);
  const totals = new Float64Array(2);
  takeUp(options, totals);
  const files = openFiles(outputs, evaluation.done);
  let kept = evaluation.done;
  const save = () => {
    if (!saved || kept === evaluation.done) return;
    // Rows first: a state must never be ahead of them.
    for (const file of files) file.sync();
    saved.save(evaluation.state().set('run.totals', totals));
    kept = evaluation.done;
  };
  try {
    while (evaluation.done < images) {
      const sampled = await sampleOr(options, evaluation.done, save);
      const features = await evaluation.add(sampled);
      for (const [i, output] of outputs.entries()) files[i]!.append(output.rows(sampled, features));
      totals[0]! += sampled.macs;
      totals[1]! += sampled.milliseconds;
      if (evaluation.done - kept >= saveEvery) save();
    }
    save();
  } catch (error) {
    for (const file of files) file[Symbol.dispose]();
    throw error;
  }
  return { macs: totals[0]!, milliseconds: totals[1]!, files };
}

/** The next batch; a run that ends here keeps what it has. */
async function sampleOr(
  { sample, images, batch }: EvaluateRunOptions,
  first: number,
  save: () => void,
): Promise<SampledBatch> {
  try {
    return await sample(first, Math.min(batch, images - first));
  } catch (error) {
    save();
    throw error;
  }
}

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
