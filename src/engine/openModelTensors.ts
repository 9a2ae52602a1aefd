/** The tensors of a model that somebody names by its path. */
import { IncacheError } from '../errors.js';
import { type OpenOptions, openTensors } from '../weights/openTensors.js';
import type { TensorSource } from '../weights/tensorSource.js';

/** Names on Hugging Face's hub look like this, as in facebook/DiT-XL-2-256. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

/** As `openTensors`; where there is no such file, and the path may be meant as a name on the hub, says that nothing is downloaded. */
export function openModelTensors(path: string, options: OpenOptions = {}): TensorSource {
  try {
    return openTensors(path, options);
  } catch (error) {
    const { message, cause } = error as Error;
    if ((cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT' || !HUB_NAME.test(path)) throw error;
    throw new IncacheError(
      `${message}; incache downloads no models, so give the path of a file or folder that is here`,
      { cause },
    );
  }
}
