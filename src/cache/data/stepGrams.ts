/**
 * How a model's features move over the steps of a sampler, measured once by `measureGrams` (evaluate/) and kept as
 * safetensors: for every feature the mean inner products of all pairs of steps, `<feature>` [steps, steps], float64. From
 * them follow the fitted coefficients of any schedule (fitCoefficients.ts). Nothing in a file is believed.
 */
import { FormatError, IncacheError, requireInteger, requireObject } from '../../errors.js';
import { SafetensorsFile, writeSafetensors } from '../../weights/safetensors.js';
import { requireFiniteValues, requireLength } from './checks.js';
import { modelName } from './factorSet.js';

export interface StepGramsInfo {
  /** Hash of the checkpoint that was measured. */
  readonly modelHash: string;
  /** Name of its file, for people. */
  readonly model?: string;
  /** As in `ddim`. */
  readonly sampler: string;
  /** The sampler's timesteps, in the order of sampling. */
  readonly timesteps: readonly number[];
  readonly guidanceScale: number;
  readonly images: number;
  readonly seed: number;
  /** At each step the size of what all blocks add, over that at the step before (`measureMagnitudes`). */
  readonly magnitudes?: readonly number[];
  /** As in `incache 0.1.0`. */
  readonly createdBy: string;
}

const FORMAT = 'incache-grams';
const VERSION = '1';

export class StepGrams {
  readonly info: StepGramsInfo;
  /** By feature: `blocks.0.qkv.input`, the input of linears, or `blocks.0.proj.output`, that of a sublayer. */
  readonly features: ReadonlyMap<string, Float64Array>;

  /** @throws ArgumentError or IncacheError naming what does not fit. */
  constructor(info: StepGramsInfo, features: ReadonlyMap<string, Float64Array>) {
    requireObject('info', info, 'what was measured');
    if (!Array.isArray(info.timesteps) || !info.timesteps.every(Number.isFinite))
      throw new IncacheError('the timesteps of grams are not a list of numbers');
    requireInteger('steps', info.timesteps.length, 1);
    requireInteger('images', info.images, 1);
    if (info.magnitudes !== undefined) requireMagnitudes(info.magnitudes, info.timesteps.length);
    for (const [name, gram] of features) {
      requireLength(name, gram, info.timesteps.length ** 2);
      requireFiniteValues(name, gram);
    }
    this.info = { ...info };
    this.features = new Map(features);
  }

  /** @throws FormatError for a file that is not of grams or damaged; IncacheError when it cannot be read. */
  static load(path: string): StepGrams {
    using file = SafetensorsFile.open(path);
    const info = readInfo(file);
    try {
      const features = [...file.tensors.keys()].map((name) => [name, file.readFloat64(name)] as const);
      return new StepGrams(info, new Map(features));
    } catch (error) {
      if (error instanceof IncacheError) throw new FormatError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Writes the file whole or not at all. @throws IncacheError naming the path. */
  save(path: string): void {
    const tensors = [...this.features].map(([name, data]) => ({
      name,
      dtype: 'F64' as const,
      shape: [this.steps, this.steps],
      data,
    }));
    writeSafetensors(path, tensors, { format: FORMAT, version: VERSION, info: JSON.stringify(this.info) });
  }

  get steps(): number {
    return this.info.timesteps.length;
  }

  /** @throws IncacheError when the feature was not measured. */
  gram(feature: string): Float64Array {
    const gram = this.features.get(feature);
    if (!gram) throw new IncacheError(`the fits have no feature '${feature}'; measure them of this model`);
    return gram;
  }

  /** @throws IncacheError naming both models unless the one with this hash was measured. */
  requireModel(hash: string, path?: string): void {
    if (hash === this.info.modelHash) return;
    const [theirs, ours] = [modelName(this.info.modelHash, this.info.model), modelName(hash, path)];
    throw new IncacheError(`the fits were measured of another model, ${theirs}; this one is ${ours}`);
  }

  /** @throws IncacheError unless a run visits the timesteps that were measured: coefficients belong to steps. */
  requireTimesteps(sampler: string, timesteps: readonly number[]): void {
    const own = this.info.timesteps;
    const isSame =
      own.length === timesteps.length && own.every((value, i) => Math.abs(value - timesteps[i]!) < 1e-6);
    if (isSame) return;
    throw new IncacheError(
      `the fits were measured over ${own.length} steps of ${this.info.sampler}; this run has ${timesteps.length} of ${sampler}${own.length === timesteps.length ? ' at other timesteps' : ''}`,
    );
  }
}

function requireMagnitudes(magnitudes: unknown, steps: number): void {
  const isOne = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
  if (Array.isArray(magnitudes) && magnitudes.length === steps && magnitudes.every(isOne)) return;
  throw new IncacheError(`the magnitudes of fits are not ${steps} positive numbers, one a step`);
}

function readInfo(file: SafetensorsFile): StepGramsInfo {
  const { format, version, info } = file.metadata;
  if (format !== FORMAT)
    throw new FormatError(
      `${file.path} is not a file of fits: its format is ${format ?? 'missing'}; expected ${FORMAT}`,
    );
  if (version !== VERSION)
    throw new FormatError(`${file.path} is of version ${version}; this incache reads version ${VERSION}`);
  try {
    return { ...JSON.parse(info!) };
  } catch (error) {
    throw new FormatError(`${file.path} has no description of its fits in its metadata`, { cause: error });
  }
}
