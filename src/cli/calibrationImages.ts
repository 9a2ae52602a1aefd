/** `--images` and `--calibration-images`: images as the model takes them, or pictures that its autoencoder encodes first. */
import { encodeCalibrationImages } from '../calibrate/encodedImages.js';
import { type CalibrationImages, holdsModelImages, loadCalibrationImages } from '../calibrate/images.js';
import { Autoencoder } from '../engine/autoencoder.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { note } from './note.js';
import { type Progress, startProgress } from './progress.js';

export interface ImagesOptions {
  /** Pictures to encode at most. Default: all. */
  readonly count?: number;
  readonly seed: number;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

/** The autoencoder is on the device no longer than it is needed. */
export async function calibrationImages(
  { network, decoder, device }: Pipeline,
  path: string,
  { quiet, ...options }: ImagesOptions,
): Promise<CalibrationImages> {
  if (decoder.isIdentity || holdsModelImages(path, network))
    return loadCalibrationImages(path, network, note);
  using autoencoder = new Autoencoder(decoder.checkpoint(), device);
  let progress: Progress | undefined;
  try {
    return await encodeCalibrationImages(path, network, autoencoder, {
      ...options,
      onDoubt: note,
      onImage: (_, count) => {
        progress ??= startProgress('encoding', count, quiet);
        progress.advance();
      },
    });
  } finally {
    progress?.stop();
  }
}
