/** The tables of Learning-to-Cache (Ma et al., arXiv 2406.01733): what a router has learned of one model and sampler. */
import { FormatError } from '../../errors.js';
import { SafetensorsFile } from '../../weights/safetensors.js';

/** The logits of a router: steps x sublayers, the last step of sampling first, as respaced timesteps ascend. */
export interface RouterTable {
  readonly steps: number;
  /** Two a block: attention, MLP. */
  readonly sublayers: number;
  /** Row-major. */
  readonly logits: ArrayLike<number>;
}

/**
 * Reads a safetensors file with a tensor `logits`, steps x sublayers. Throws a `FormatError` that says what is
 * missing or misshapen.
 */
export function loadRouterTable(path: string): RouterTable {
  using file = SafetensorsFile.open(path);
  const { shape } = file.entry('logits');
  const [steps, sublayers] = shape;
  if (shape.length !== 2 || !steps || !sublayers)
    throw new FormatError(`${path}: 'logits' has shape [${shape}]; expected steps x sublayers`);
  const logits = file.read('logits');
  const bad = logits.findIndex(Number.isNaN);
  if (bad >= 0) throw new FormatError(`${path}: 'logits' holds NaN at element ${bad}`);
  return { steps, sublayers, logits };
}
