/** From a run's steps to its pictures; what was sampled is never lost to a decoder that fails. */
import { IncacheError } from '../errors.js';
import type { Picture } from './picture.js';
import type { SampledLatents, SampleResult, SampleStep } from './result.js';

/** The latents of a run could not be decoded. They are kept in `sampled`, for another attempt with `decode`. */
export class DecodeError extends IncacheError {
  override name = 'DecodeError';
  constructor(
    readonly sampled: SampledLatents,
    cause: Error,
  ) {
    super(`the latents could not be decoded: ${cause.message}`, { cause });
  }
}

/** Takes every step of a run and returns its result. */
export async function takeSteps(
  run: AsyncGenerator<SampleStep, SampledLatents>,
  onStep: ((step: SampleStep) => void) | undefined,
): Promise<SampledLatents> {
  try {
    for (;;) {
      const { done, value } = await run.next();
      if (done) return value;
      onStep?.(value);
    }
  } catch (error) {
    // Where `onStep` has thrown, the run holds its session until it is ended.
    await run.return(undefined as never);
    throw error;
  }
}

/** The result with its pictures. Rejects with a `DecodeError`, or with the signal's reason once that is aborted. */
export async function withPictures(
  sampled: SampledLatents,
  decode: (sampled: SampledLatents) => Promise<readonly Picture[]>,
  signal: AbortSignal | undefined,
): Promise<SampleResult> {
  try {
    return { ...sampled, images: await decode(sampled) };
  } catch (error) {
    if (signal?.aborted || !(error instanceof Error)) throw error;
    throw new DecodeError(sampled, error);
  }
}
