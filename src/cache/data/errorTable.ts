/**
 * What caching costs a model in error, measured once by `measureErrors` (evaluate/) and kept as safetensors: for each
 * kind `<kind>.steps` [steps, gaps, gaps + 1, ...], with one more axis for every order of extrapolation (the steps between
 * the computed ones), and of order 0 `<kind>.sublayers` [steps, gaps, sublayers]; float64, a distance of 1 first, 0
 * where one reaches back beyond step 0. Nothing in a file is believed.
 */

import { FormatError, IncacheError, requireInteger, requireObject } from '../../errors.js';
import { SafetensorsFile, writeSafetensors } from '../../weights/safetensors.js';
import type { CacheKind, MeasuredErrors } from '../measuredErrors.js';
import { requireLength } from './checks.js';
import { type FactorSet, modelName } from './factorSet.js';

export interface ErrorTableInfo {
  /** Hash of the checkpoint that was measured. */
  readonly modelHash: string;
  /** Name of its file, for people. */
  readonly model?: string;
  /** Hash of the factors it was calibrated with; undefined when reuse alone was measured. */
  readonly factorHash?: string;
  /** As in `ddim`. */
  readonly sampler: string;
  readonly steps: number;
  readonly gaps: number;
  /** Order of the extrapolation from computed steps. Default 0, none. */
  readonly order?: number;
  readonly sublayers: number;
  readonly guidanceScale: number;
  readonly images: number;
  readonly seed: number;
  /** As in `incache 0.1.0`. */
  readonly createdBy: string;
}

/** The errors of one kind, row-major. */
export interface KindErrors {
  /** steps x gaps, x (gaps + 1) for every order. */
  readonly steps: Float64Array;
  /** steps x gaps x sublayers; of order 0. */
  readonly sublayers?: Float64Array;
}

/** The highest order that is measured: places of a table multiply with each. */
export const MOST_MEASURED_ORDER = 2;

/** The place of (step, past) in the errors of steps, see `MeasuredErrors`. */
export function placeOf(gaps: number, step: number, [gap, ...between]: readonly number[]): number {
  return between.reduce((place, steps) => place * (gaps + 1) + steps - 1, step * gaps + gap! - 1);
}

/** How many places there are. */
export function placesOf({
  steps,
  gaps,
  order = 0,
}: Pick<ErrorTableInfo, 'steps' | 'gaps' | 'order'>): number {
  return steps * gaps * (gaps + 1) ** order;
}

const FORMAT = 'incache-errors';
const VERSION = '1';

export class ErrorTable implements MeasuredErrors {
  readonly info: ErrorTableInfo;
  readonly #errors: Readonly<Partial<Record<CacheKind, KindErrors>>>;

  /** @throws ArgumentError or IncacheError naming what does not fit. */
  constructor(info: ErrorTableInfo, errors: Readonly<Partial<Record<CacheKind, KindErrors>>>) {
    requireObject('info', info, 'what was measured');
    for (const field of ['steps', 'gaps', 'sublayers', 'images'] as const)
      requireInteger(field, info[field], 1);
    requireInteger('order', info.order ?? 0, 0, MOST_MEASURED_ORDER);
    for (const [kind, of] of Object.entries(errors)) requireErrorsOf(kind, of, info);
    this.info = { ...info };
    this.#errors = errors;
  }

  /** @throws FormatError for a file that is not of errors or damaged; IncacheError when it cannot be read. */
  static load(path: string): ErrorTable {
    using file = SafetensorsFile.open(path);
    const info = readInfo(file);
    const read = (kind: CacheKind): KindErrors => {
      const steps = file.readFloat64(`${kind}.steps`);
      return { steps, ...(!info.order && { sublayers: file.readFloat64(`${kind}.sublayers`) }) };
    };
    try {
      return new ErrorTable(info, Object.fromEntries(kindsOf(info).map((kind) => [kind, read(kind)])));
    } catch (error) {
      if (error instanceof IncacheError) throw new FormatError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Writes the file whole or not at all. @throws IncacheError naming the path. */
  save(path: string): void {
    const { steps, gaps, sublayers } = this.info;
    const between = new Array<number>(this.order).fill(gaps + 1);
    const tensor = (name: string, shape: number[], data: Float64Array | undefined) =>
      data ? [{ name, dtype: 'F64' as const, shape, data }] : [];
    const tensors = Object.entries(this.#errors).flatMap(([kind, errors]) => [
      ...tensor(`${kind}.steps`, [steps, gaps, ...between], errors.steps),
      ...tensor(`${kind}.sublayers`, [steps, gaps, sublayers], errors.sublayers),
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

  get order(): number {
    return this.info.order ?? 0;
  }

  get kinds(): CacheKind[] {
    return Object.keys(this.#errors) as CacheKind[];
  }

  stepError(kind: CacheKind, step: number, past: readonly number[]): number {
    return this.#errors[kind]!.steps[placeOf(this.gaps, step, past)]!;
  }

  sublayerError(kind: CacheKind, step: number, gap: number, sublayer: number): number {
    return this.#errors[kind]!.sublayers![(step * this.gaps + gap - 1) * this.sublayers + sublayer]!;
  }

  /** @throws IncacheError naming both models unless the one with this hash was measured. */
  requireModel(hash: string, path?: string): void {
    if (hash === this.info.modelHash) return;
    const [theirs, ours] = [modelName(this.info.modelHash, this.info.model), modelName(hash, path)];
    throw new IncacheError(`the errors were measured of another model, ${theirs}; this one is ${ours}`);
  }

  /** @throws IncacheError unless calibration was measured with these factors. */
  requireFactors(factors: FactorSet): void {
    if (factors.hash === this.info.factorHash) return;
    const measured = this.info.factorHash === undefined ? 'without factors' : 'with other factors';
    throw new IncacheError(`the errors were measured ${measured}; measure them with the factors of this run`);
  }
}

/** What was measured: of order 0 reuse, and calibration beside it; of higher ones the one or the other. */
function kindsOf({ factorHash, order = 0 }: ErrorTableInfo): CacheKind[] {
  if (factorHash === undefined) return ['reuse'];
  return order > 0 ? ['calibrate'] : ['reuse', 'calibrate'];
}

function requireErrorsOf(kind: string, errors: KindErrors, info: ErrorTableInfo): void {
  const { steps, gaps, sublayers } = info;
  for (const [name, values = [], length] of [
    [`${kind}.steps`, errors.steps, placesOf(info)],
    [`${kind}.sublayers`, errors.sublayers, info.order ? 0 : steps * gaps * sublayers],
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
