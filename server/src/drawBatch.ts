/** Draws images of one batch, which may be of several requests. */
import type { Picture, Pipeline, SampleOptions, SampleStep } from 'incache';
import type { Drawing, DrawnImage } from './drawing.js';

/** One image of a drawing. */
export interface Row {
  readonly drawing: Drawing;
  /** Its place in the drawing. */
  readonly place: number;
}

export interface DrawnBatch {
  /** One for each row. */
  readonly pictures: readonly Picture[];
  /** Of the steps alone. */
  readonly milliseconds: number;
}

/** All rows must be of drawings with the same key. Rejects as `Pipeline.generate` does. */
export async function drawBatch(
  pipeline: Pipeline,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<DrawnBatch> {
  const { images, report } = await pipeline.generate(optionsOf(rows, signal), (step) => tell(rows, step));
  return { pictures: images, milliseconds: report.milliseconds };
}

function optionsOf(rows: readonly Row[], signal: AbortSignal): SampleOptions {
  const images = rows.map(({ drawing, place }) => drawing.images[place]!);
  return {
    ...rows[0]!.drawing.options,
    ...drawnOf(images),
    perImage: images.map(({ seed, image, guidanceScale }) => ({ seed, image, guidanceScale })),
    batch: images.length,
    signal,
  };
}

function drawnOf(images: readonly DrawnImage[]): SampleOptions {
  if (images[0]!.prompt === undefined) return { labels: images.map(({ label }) => label!) };
  const prompts = images.map(({ prompt }) => prompt!);
  if (images[0]!.negative === undefined) return { prompts };
  return { prompts, negativePrompt: images.map(({ negative }) => negative!) };
}

/** The engine may draw the rows one by one, as it does where a cache policy decides while it runs. */
function tell(all: readonly Row[], step: SampleStep): void {
  const rows = step.batches === 1 ? all : [all[step.batch]!];
  let previews: Picture[] | undefined;
  for (const [i, { drawing, place }] of rows.entries()) {
    if (drawing.signal.aborted || !drawing.onStep) continue;
    const { index, steps } = step;
    const number = previewNumber(step, drawing.previews);
    if (number !== undefined) previews ??= step.preview();
    // One value for each latent: so small that it is encoded at once.
    const preview = previews && number !== undefined && { number, png: previews[i]!.toPng() };
    drawing.onStep(place, { index, steps, ...(preview && { preview }) });
  }
}

/** Of a step after which a preview is due, the number of that preview: they are spread evenly over the steps. */
function previewNumber({ index, steps }: SampleStep, previews: number): number | undefined {
  for (let preview = 0; preview < previews; preview++)
    if (index === Math.ceil(((preview + 1) * steps) / (previews + 1)) - 1) return preview;
  return undefined;
}
