/**
 * What caching costs a model in error, measured once by `measureErrors` (evaluate/) and kept as safetensors: for each
 * kind `<kind>.steps` [steps, gaps] and `<kind>.sublayers` [steps, gaps, sublayers], float64, gap 1 first, 0 where
 * the gap reaches back beyond step 0. Nothing in a file is believed.
 */
import type { CacheKind, MeasuredErrors } from '../cache/measuredErrors.js';
import { FormatError, IncacheError, requireInteger } from '../errors.js';
import { SafetensorsFile, writeSafetensors } from '../weights/safetensors.js';
import type { FactorSet } from './factorSet.js';
import { requireLength } from './layerWeight.js';

export interface ErrorTableInfo {
  /** Hash of the checkpoint that was measured. */
  readonly modelHash: string;
  /** Hash of the factors it was calibrated with; undefined when reuse alone was measured. */
  readonly factorHash?: string;
  /** As in `ddim`. */
  readonly sampler: string;
  readonly steps: number;
  readonly gaps: number;
  readonly sublayers: number;
  readonly guidanceScale: number;
  readonly images: number;
  readonly seed: number;
  /** As in `incache 0.1.0`. */
  readonly createdBy: string;
}

/** The errors of one kind, row-major. */
export interface KindErrors {
  /** steps x gaps. */
  readonly steps: Float64Array;
  /** steps x gaps x sublayers. */
  readonly sublayers: Float64Array;
}

const FORMAT = 'incache-errors';
const VERSION = '1';

export class ErrorTable implements MeasuredErrors {
  readonly info: ErrorTableInfo;
  readonly kinds: Readonly<{ reuse: KindErrors; calibrate?: KindErrors }>;

  /** @throws ArgumentError or IncacheError naming what does not fit. */
  constructor(info: ErrorTableInfo, kinds: ErrorTable['kinds']) {
    for (const field of ['steps', 'gaps', 'sublayers', 'images'] as const)
      requireInteger(field, info[field], 1);
    for (const [kind, errors] of Object.entries(kinds)) requireErrorsOf(kind, errors, info);
    this.info = { ...info };
    this.kinds = kinds;
  }

  /** @throws FormatError for a file that is not of errors or damaged; IncacheError when it cannot be read. */
  static load(path: string): ErrorTable {
    using file = SafetensorsFile.open(path);
    const info = readInfo(file);
    const read = (kind: CacheKind): KindErrors => {
      return { steps: file.readFloat64(`${kind}.steps`), sublayers: file.readFloat64(`${kind}.sublayers`) };
    };
    try {
      const calibrate = info.factorHash !== undefined && { calibrate: read('calibrate') };
      return new ErrorTable(info, { reuse: read('reuse'), ...calibrate });
    } catch (error) {
      if (error instanceof IncacheError) throw new FormatError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Writes the file whole or not at all. @throws IncacheError naming the path. */
  save(path: string): void {
    const { steps, gaps, sublayers } = this.info;
    const tensors = Object.entries(this.kinds).flatMap(([kind, errors]) => [
      { name: `${kind}.steps`, dtype: 'F64' as const, shape: [steps, gaps], data: errors.steps },
      {
        name: `${kind}.sublayers`,
        dtype: 'F64' as const,
        shape: [steps, gaps, sublayers],
        data: errors.sublayers,
      },
    ]);
    writeSafetensors(path, tensors, {
      format: FORMAT,
      version: VERSION,
      info: JSON.stringify(this.info),
    });
  }

  get steps(): number {
    return this.info.steps;
  }

  get gaps(): number {
    return this.info.gaps;
  }

  get sublayers(): number {
    return this.info.sublayers;
  }

  get calibrated(): boolean {
    return this.kinds.calibrate !== undefined;
  }

  stepError(kind: CacheKind, step: number, gap: number): number {
    return this.kinds[kind]!.steps[step * this.gaps + gap - 1]!;
  }

  sublayerError(kind: CacheKind, step: number, gap: number, sublayer: number): number {
    return this.kinds[kind]!.sublayers[(step * this.gaps + gap - 1) * this.sublayers + sublayer]!;
  }

  /** @throws IncacheError naming both hashes unless the model with this one was measured. */
  requireModel(hash: string): void {
    if (hash === this.info.modelHash) return;
    throw new IncacheError(
      `the errors were measured of the model with hash ${this.info.modelHash}, not of this one with hash ${hash}`,
    );
  }

  /** @throws IncacheError unless calibration was measured with these factors. */
  requireFactors(factors: FactorSet): void {
    if (factors.hash === this.info.factorHash) return;
    const measured = this.info.factorHash === undefined ? 'without factors' : 'with other factors';
    throw new IncacheError(`the errors were measured ${measured}; measure them with the factors of this run`);
  }
}

function requireErrorsOf(kind: string, errors: KindErrors, { steps, gaps, sublayers }: ErrorTableInfo): void {
  const count = steps * gaps;
  for (const [name, values, length] of [
    [`${kind}.steps`, errors.steps, count],
    [`${kind}.sublayers`, errors.sublayers, count * sublayers],
  ] as const) {
    requireLength(name, values, length);
    const bad = values.findIndex((value) => !(value >= 0 && Number.isFinite(value)));
    if (bad >= 0)
      throw new IncacheError(
        `${name} holds ${values[bad]} at element ${bad}; expected finite numbers of at least 0`,
      );
  }
}

function readInfo(file: SafetensorsFile): ErrorTableInfo {
  const { format, version, info } = file.metadata;
  if (format !== FORMAT)
    throw new FormatError(
      `${file.path} is not a file of errors: its format is ${format ?? 'missing'}; expected ${FORMAT}`,
    );
  if (version !== VERSION)
    throw new FormatError(`${file.path} is of version ${version}; this incache reads version ${VERSION}`);
  try {
    // Its fields are checked where they are used; null has none.
    return { ...JSON.parse(info!) };
  } catch (error) {
    throw new FormatError(`${file.path} has no description of its errors in its metadata`, { cause: error });
  }
}
