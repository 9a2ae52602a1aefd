/**
 * Statistics of a set of images as the field exchanges them: an .npz of `mu` (d) and `sigma` (d x d), and of the
 * spatial features `mu_s` and `sigma_s`, all float64 (pytorch-fid, ADM's evaluator).
 */
import { FormatError } from '../../errors.js';
import { NpzFile, writeNpz } from '../../weights/npz.js';
import type { Gaussian } from './gaussian.js';

export interface SetStatistics {
  readonly features: Gaussian;
  readonly spatial?: Gaussian;
}

/** Throws a `FormatError` when `mu` or `sigma` is missing, of another shape or not finite. */
export function readStatistics(path: string): SetStatistics {
  using file = NpzFile.open(path);
  return statisticsOf(file, file.has('mu_s'));
}

/** As `readStatistics`, of a file that is open; `spatial` asks for `mu_s` and `sigma_s` too. */
export function statisticsOf(file: NpzFile, spatial: boolean): SetStatistics {
  const features = gaussianOf(file, 'mu', 'sigma');
  return spatial ? { features, spatial: gaussianOf(file, 'mu_s', 'sigma_s') } : { features };
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

function gaussianOf(file: NpzFile, mu: string, sigma: string): Gaussian {
  for (const name of [mu, sigma])
    if (!file.has(name))
      throw new FormatError(`${file.path} has no array '${name}'; expected '${mu}' and '${sigma}'`);
  // Shapes first: a small file may claim arrays that unpack to gigabytes.
  const [mean, covariance] = [mu, sigma].map((name) => file.header(name).shape) as [number[], number[]];
  const [features] = mean;
  if (mean.length !== 1 || covariance.join() !== [features, features].join())
    throw new FormatError(
      `${file.path}: '${mu}' has shape [${mean}] and '${sigma}' [${covariance}]; expected [d] and [d,d]`,
    );
  return { mean: finite(file, mu), covariance: finite(file, sigma) };
}

function finite(file: NpzFile, name: string): Float64Array {
  const values = file.readFloat64(name);
  if (!values.every(Number.isFinite))
    throw new FormatError(`${file.path}: '${name}' holds numbers that are not finite`);
  return values;
}
