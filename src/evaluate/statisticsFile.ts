/**
 * Statistics of a set of images as the field exchanges them: an .npz of `mu` (d) and `sigma` (d x d), and of the
 * spatial features `mu_s` and `sigma_s`, all float64 (pytorch-fid, ADM's evaluator).
 */
import { FormatError } from '../errors.js';
import { type NumpyArray, readNpz, writeNpz } from '../weights/npz.js';
import type { Gaussian } from './gaussian.js';

export interface SetStatistics {
  readonly features: Gaussian;
  readonly spatial?: Gaussian;
}

/** Throws a `FormatError` when `mu` or `sigma` is missing, of another shape or not finite. */
export function readStatistics(path: string): SetStatistics {
  return statisticsOf(path, readNpz(path));
}

/** As `readStatistics`, of arrays that have been read. */
export function statisticsOf(path: string, arrays: ReadonlyMap<string, NumpyArray>): SetStatistics {
  const features = gaussianOf(path, arrays, 'mu', 'sigma');
  if (!arrays.has('mu_s')) return { features };
  return { features, spatial: gaussianOf(path, arrays, 'mu_s', 'sigma_s') };
}

/** Writes the file whole or not at all. */
export function writeStatistics(path: string, { features, spatial }: SetStatistics): void {
  const arrays = ({ mean, covariance }: Gaussian, mu: string, sigma: string) => ({
    [mu]: { shape: [mean.length], data: mean },
    [sigma]: { shape: [mean.length, mean.length], data: covariance },
  });
  writeNpz(path, {
    ...arrays(features, 'mu', 'sigma'),
    ...(spatial && arrays(spatial, 'mu_s', 'sigma_s')),
  });
}

function gaussianOf(
  path: string,
  arrays: ReadonlyMap<string, NumpyArray>,
  mu: string,
  sigma: string,
): Gaussian {
  const values = (name: string): NumpyArray & { data: Float64Array } => {
    const array = arrays.get(name);
    if (!array) throw new FormatError(`${path} has no array '${name}'; expected '${mu}' and '${sigma}'`);
    const data = Float64Array.from(array.data as ArrayLike<number | bigint>, Number);
    if (!data.every(Number.isFinite))
      throw new FormatError(`${path}: '${name}' holds numbers that are not finite`);
    return { shape: array.shape, data };
  };
  const [mean, covariance] = [values(mu), values(sigma)];
  const [features] = mean.shape;
  if (mean.shape.length !== 1 || covariance.shape.join() !== [features, features].join())
    throw new FormatError(
      `${path}: '${mu}' has shape [${mean.shape}] and '${sigma}' [${covariance.shape}]; expected [d] and [d,d]`,
    );
  return { mean: mean.data, covariance: covariance.data };
}
