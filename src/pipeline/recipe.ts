/**
 * A recipe: a cache policy with all that it needs, and what it was measured to cost and lose, as one safetensors file.
 * Factors are tensors `factors.<layer>.up` and `.down`, fits `fits.<feature>`, the rest is JSON in the metadata. Nothing in a
 * file is believed; parameters are checked as those of any run.
 */
import { sha256 } from '#platform/hash';
import { CACHE_POLICIES, type CachePolicyName } from '../cache/cachePolicy.js';
import { factorTensors } from '../cache/data/factorFile.js';
import { FactorSet, type FactorSetInfo, modelName } from '../cache/data/factorSet.js';
import { StepGrams, type StepGramsInfo } from '../cache/data/stepGrams.js';
import { FormatError, IncacheError, requireObject, requireOneOf } from '../errors.js';
import { SafetensorsFile, writeSafetensors } from '../weights/safetensors.js';
import type { AnyCacheOptions, CacheOptions } from './options.js';

/** What a recipe did to images that it was not made from. */
export interface RecipeMeasurement {
  /** In dB, to the run without a cache, mean over the images. */
  readonly psnr: number;
  /** Standard deviation over the images, in dB. */
  readonly spread?: number;
  /** Multiply-accumulates and time, as shares of those without a cache. */
  readonly macs: number;
  readonly time: number;
  /** Bytes that the cache of a batch takes. */
  readonly cacheBytes: number;
  readonly images: number;
  readonly seed: number;
  readonly batch: number;
  readonly backend: string;
  readonly threads: number;
  /** As in `AMD EPYC, 2 processors`: times are of this machine. */
  readonly machine: string;
}

export interface RecipeInfo {
  /** Hash of the checkpoint that it was made for. */
  readonly modelHash: string;
  /** Name of its file, for people. */
  readonly model?: string;
  /** The sampler, as in `ddim`, its steps and guidance, with which it was measured. */
  readonly sampler: string;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly measured: RecipeMeasurement;
  /** As in `incache 0.1.0`. */
  readonly createdBy: string;
}

/** A policy and the parameters of it that are numbers, texts or lists. */
export type RecipeParameters = Omit<
  AnyCacheOptions,
  'factors' | 'fits' | 'errors' | 'table' | 'schedule' | 'rule' | 'recipe'
> & { readonly policy: CachePolicyName };

export interface RecipeParts {
  readonly info: RecipeInfo;
  readonly parameters: RecipeParameters;
  readonly factors?: FactorSet | undefined;
  readonly fits?: StepGrams | undefined;
}

const FORMAT = 'incache-recipe';
const VERSION = '1';
const [FACTORS, FITS] = ['factors.', 'fits.'];

export class Recipe {
  readonly info: RecipeInfo;
  readonly parameters: RecipeParameters;
  readonly factors: FactorSet | undefined;
  readonly fits: StepGrams | undefined;

  constructor({ info, parameters, factors, fits }: RecipeParts) {
    requireObject('info', info, 'what was measured');
    requireObject('measured', info.measured, 'what the recipe was measured to cost and lose');
    requireObject('parameters', parameters, 'a policy with its parameters');
    requireOneOf('policy', parameters.policy, CACHE_POLICIES);
    this.info = { ...info };
    this.parameters = { ...parameters };
    this.factors = factors;
    this.fits = fits;
  }

  /** @throws FormatError for a file that is no recipe, damaged or newer; IncacheError when it cannot be read. */
  static load(path: string): Recipe {
    using file = SafetensorsFile.open(path);
    const { info, parameters, factorInfo, fitInfo } = readMetadata(file);
    try {
      const factors = factorInfo && factorsOf(file, factorInfo);
      const fits = fitInfo && new StepGrams(fitInfo, new Map(gramsOf(file)));
      return new Recipe({ info, parameters, factors, fits });
    } catch (error) {
      if (error instanceof IncacheError) throw new FormatError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Writes the file whole or not at all. @throws IncacheError naming the path. */
  save(path: string): void {
    const { info, parameters, factors, fits } = this;
    const tensors = factors ? factorTensors(factors.layers, FACTORS) : [];
    for (const [name, data] of fits?.features ?? [])
      tensors.push({ name: `${FITS}${name}`, dtype: 'F64', shape: [fits!.steps, fits!.steps], data });
    const recipe = { info, parameters, factorInfo: factors?.info, fitInfo: fits?.info };
    writeSafetensors(path, tensors, { format: FORMAT, version: VERSION, recipe: JSON.stringify(recipe) });
  }

  /** Tells it from other recipes. */
  get hash(): string {
    const { info, parameters, factors, fits } = this;
    const hash = sha256();
    hash.update(JSON.stringify({ info, parameters, factors: factors?.hash, fits: fits?.info }));
    for (const gram of fits?.features.values() ?? [])
      hash.update(new Uint8Array(gram.buffer, gram.byteOffset, gram.byteLength));
    return hash.digest();
  }

  /** As the option `cache` of a run. */
  get options(): CacheOptions {
    const { parameters, factors, fits } = this;
    const options: AnyCacheOptions = {
      ...parameters,
      ...(factors && { factors }),
      ...(fits && { fits }),
      recipe: this,
    };
    return options as CacheOptions;
  }

  /** @throws IncacheError unless the run has the model, sampler and steps that the recipe was made for. */
  requireRun(hash: string, path: string | undefined, sampler: string, steps: number): void {
    const { modelHash, model, sampler: ownSampler, steps: ownSteps } = this.info;
    if (hash !== modelHash)
      throw new IncacheError(
        `the recipe was made for another model, ${modelName(modelHash, model)}; this one is ${modelName(hash, path)}`,
      );
    if (sampler !== ownSampler || steps !== ownSteps)
      throw new IncacheError(
        `the recipe was made for ${ownSteps} steps of ${ownSampler}; this run has ${steps} of ${sampler}`,
      );
  }
}

interface Metadata {
  readonly info: RecipeInfo;
  readonly parameters: RecipeParameters;
  readonly factorInfo?: FactorSetInfo;
  readonly fitInfo?: StepGramsInfo;
}

function readMetadata(file: SafetensorsFile): Metadata {
  const { format, version, recipe } = file.metadata;
  if (format !== FORMAT)
    throw new FormatError(
      `${file.path} is not a recipe: its format is ${format ?? 'missing'}; expected ${FORMAT}`,
    );
  if (version !== VERSION)
    throw new FormatError(`${file.path} is of version ${version}; this incache reads version ${VERSION}`);
  try {
    return { ...JSON.parse(recipe!) };
  } catch (error) {
    throw new FormatError(`${file.path} has no description of its recipe in its metadata`, { cause: error });
  }
}

function factorsOf(file: SafetensorsFile, info: FactorSetInfo): FactorSet {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(FACTORS) && name.endsWith('.up'));
  const layers = names.map((name) => {
    const layer = name.slice(FACTORS.length, -'.up'.length);
    const [rows = 0, rank = 0] = file.entry(name).shape;
    const down = `${FACTORS}${layer}.down`;
    const [, columns = 0] = file.entry(down).shape;
    return [layer, { rows, rank, columns, up: file.read(name), down: file.read(down) }] as const;
  });
  return new FactorSet(info, new Map(layers));
}

function gramsOf(file: SafetensorsFile): (readonly [string, Float64Array])[] {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(FITS));
  return names.map((name) => [name.slice(FITS.length), file.readFloat64(name)] as const);
}
