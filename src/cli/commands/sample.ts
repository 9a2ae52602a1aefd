import type { Command } from 'commander';
import { isExportedModel } from '../../engine/ownFiles.js';
import { IncacheError } from '../../errors.js';
import { grid, type Picture } from '../../pipeline/picture.js';
import type { SampledLatents, SampleStep } from '../../pipeline/result.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { writeNpz } from '../../weights/npz.js';
import { addCacheFlags } from '../cacheFlags.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { requireFilePath } from '../outputPath.js';
import { integer, labelList, MOST_ITEMS } from '../parse.js';
import { addPictureFlags, type PictureFlags, requirePicturePath, say, writePictures } from '../pictures.js';
import { startProgress } from '../progress.js';
import { sampleSummary } from '../sampleReport.js';
import { openCheckpointRun, openExportedRun, type SampleRun, type SampleRunFlags } from '../sampleRun.js';
import { addSamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, addVaeFlags, type OutputFlags } from '../shared.js';
import { addSizeFlag, addTextFlags } from '../textFlags.js';

interface SampleFlags extends SampleRunFlags, OutputFlags, PictureFlags {
  readonly out?: string;
  readonly preview?: number;
  readonly report?: string;
}

export function register(program: Command): void {
  const command = program
    .command('sample')
    .description('Draw images of classes or of prompts with a checkpoint, or with a file of incache export.')
    .option(
      '-l, --labels <list>',
      'classes by number or name, as in 0,5-9,macaw (default: every class once, at most 10)',
      labelList('labels'),
    )
    .option(
      '-n, --count <n>',
      'number of images, the labels in turn (default: one for each label)',
      integer('count', 1, MOST_ITEMS),
    )
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0);
  addSizeFlag(addTextFlags(command));
  addSamplingFlags(command).option(
    '--batch <n>',
    'images denoised together (default: at most 16)',
    integer('batch', 1),
  );
  addVaeFlags(addModelFlags(addCacheFlags(command))).option(
    '-o, --out <path>',
    'a grid of pictures (.png, or - for standard output), arrays (.npz), or with --single a folder (default: samples.png, samples.npz of latents, samples with --single)',
  );
  addPictureFlags(command)
    .option(
      '--preview <n>',
      'every n steps also write a small picture, made without the autoencoder: to --out, or where that is no .png to a file NAME.preview.png beside it',
      integer('preview', 1),
    )
    .option('--report <file>', 'also write the result, as of --json, to a file');
  addOutputFlags(command).action((flags: SampleFlags) => runSample(flags, command));
}

async function runSample(flags: SampleFlags, command: Command): Promise<void> {
  samplingOptions(flags);
  if (flags.out !== undefined) checkOutput(flags, flags.out);
  const signal = interruptSignal();
  await using run = await (isExportedModel(flags.model)
    ? openExportedRun(flags, signal, command)
    : openCheckpointRun(flags, signal));
  const out = flags.out ?? defaultOutput(flags, run);
  checkOutput(flags, out);
  if (flags.out === undefined && !run.decoder.isPresent) note(`${flags.model} ${run.withoutDecoder}`);
  const drawn = flags.single === true || !out.endsWith('.npz');
  if (drawn) run.requireDecoder(out);
  const progress = startProgress('sampling', run.steps, flags.json === true);
  let result: SampledLatents;
  try {
    result = await run.generateLatents((step) => {
      progress.advance();
      if (flags.preview !== undefined && isPreviewed(step, flags.preview)) writePreview(flags, out, step);
    });
  } finally {
    progress.stop();
  }
  for (const sentence of result.report.notes ?? []) note(sentence);
  const decoding = performance.now();
  if (drawn) writePictures(flags, out, await decodeOrSave(flags, run, result, out, signal));
  else writeNpz(out, { samples: { shape: [...result.shape], data: result.latents } });
  const decodeMilliseconds = drawn && !run.decoder.isIdentity ? performance.now() - decoding : undefined;
  const report = {
    model: flags.model,
    backend: run.backend,
    threads: run.threads,
    out,
    ...run.describe(result),
    ...result.report,
    ...(decodeMilliseconds !== undefined && { decodeMilliseconds }),
  };
  if (flags.report !== undefined) writeFileAtomic(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  say(out, flags.json ? `${JSON.stringify(report)}\n` : sampleSummary(report));
}

function defaultOutput({ single }: SampleFlags, { decoder }: SampleRun): string {
  if (!decoder.isPresent) return 'samples.npz';
  return single ? 'samples' : 'samples.png';
}

/** Fails before the work, not after it. */
function checkOutput(flags: SampleFlags, out: string): void {
  requirePicturePath(flags, out, true);
  if (flags.report !== undefined) requireFilePath('report', flags.report);
}

/** The pictures of a run. Where they cannot be decoded its latents are kept, for they took longer. */
async function decodeOrSave(
  { model, vae }: SampleFlags,
  run: SampleRun,
  sampled: SampledLatents,
  out: string,
  signal: AbortSignal,
): Promise<Picture[]> {
  try {
    return await run.decode(sampled, { signal });
  } catch (error) {
    if (run.decoder.isIdentity) throw error;
    const kept = `${out === '-' ? 'samples' : out.replace(/(\.png|\/+)$/, '')}.latents.npz`;
    writeNpz(kept, { samples: { shape: [...sampled.shape], data: sampled.latents } });
    const again = `incache decode ${kept} --vae ${vae ?? model}`;
    if (signal.aborted) {
      note(`the latents are in ${kept}; \`${again}\` makes pictures of them`);
      throw error;
    }
    throw new IncacheError(
      `the latents could not be decoded and are in ${kept}: ${(error as Error).message}; \`${again}\` tries again`,
      { cause: error },
    );
  }
}

function isPreviewed({ index, steps }: SampleStep, every: number): boolean {
  return (index + 1) % every === 0 && index + 1 < steps;
}

function writePreview({ columns, single }: SampleFlags, out: string, step: SampleStep): void {
  const path = single || !out.endsWith('.png') ? previewBeside(out) : out;
  writeFileAtomic(path, grid(step.preview(), columns).toPng());
}

/** For results that are no picture themselves. */
function previewBeside(out: string): string {
  return out === '-' ? 'preview.png' : `${out.replace(/(\.npz|\/+)$/, '')}.preview.png`;
}
