/** What a tuning has measured so far, in a folder. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepGrams } from '../../cache/data/stepGrams.js';
import { FormatError } from '../../errors.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { type RunKey, requireSameRun } from './savedRun.js';

/** PSNR of an image that is the one without a cache, in dB: more than float32 can tell apart. */
export const IDENTICAL = 150;

/** What a candidate did to the first images of the seed. */
export interface CandidateRecord {
  /** PSNR of each image in dB, to the one without a cache. */
  readonly psnrs: readonly number[];
  /** Multiply-accumulates, as a share of those without a cache. */
  readonly macs: number;
  /** Time of these images, and of the same without a cache. */
  readonly milliseconds: number;
  readonly uncachedMilliseconds: number;
  readonly cacheBytes: number;
  /** Time over that of a run without a cache right beside it, a round each. */
  readonly ratios: readonly number[];
}

export class TuneStore {
  readonly records: ReadonlyMap<string, CandidateRecord>;
  readonly #key: RunKey;

  /**
   * `key` says of what the measurements are. Throws an `ArgumentError` that names the first part in which those in the folder are of
   * something else, whose times and images are others.
   */
  constructor(
    readonly folder: string,
    key: RunKey,
  ) {
    this.#key = key;
    mkdirSync(folder, { recursive: true });
    this.records = this.#read();
  }

  keepRecords(records: ReadonlyMap<string, CandidateRecord>): void {
    writeFileAtomic(
      this.#recordsPath,
      `${JSON.stringify({ key: this.#key, trials: Object.fromEntries(records) })}\n`,
    );
  }

  fits(): StepGrams | undefined {
    return existsSync(this.#fitsPath) ? StepGrams.load(this.#fitsPath) : undefined;
  }

  keepFits(fits: StepGrams): void {
    fits.save(this.#fitsPath);
  }

  #read(): Map<string, CandidateRecord> {
    if (!existsSync(this.#recordsPath)) return new Map();
    let saved: { key?: unknown; trials?: unknown };
    try {
      saved = { ...JSON.parse(readFileSync(this.#recordsPath, 'utf8')) };
    } catch (error) {
      throw new FormatError(`${this.#recordsPath} is not the JSON of a tuning`, { cause: error });
    }
    if (typeof saved.key !== 'object' || saved.key === null)
      throw new FormatError(`${this.#recordsPath} does not say what was tuned; take another folder`);
    requireSameRun('resume', this.folder, this.#key, saved.key as RunKey);
    const records = Object.entries({ ...(saved.trials as object) });
    if (!records.every(([, record]) => isRecord(record)))
      throw new FormatError(`${this.#recordsPath} has trials without numbers`);
    return new Map(records as [string, CandidateRecord][]);
  }

  get #recordsPath(): string {
    return join(this.folder, 'trials.json');
  }

  get #fitsPath(): string {
    return join(this.folder, 'fits.safetensors');
  }
}

function isRecord(value: unknown): value is CandidateRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  const numbers = (list: unknown) => Array.isArray(list) && list.every(Number.isFinite);
  return (
    numbers(record.psnrs) &&
    (record.psnrs as number[]).length > 0 &&
    numbers(record.ratios) &&
    ['macs', 'milliseconds', 'uncachedMilliseconds', 'cacheBytes'].every((field) =>
      Number.isFinite(record[field]),
    )
  );
}
