/** What a tuning has measured so far, in a folder. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepGrams } from '../../cache/data/stepGrams.js';
import { FormatError } from '../../errors.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import type { Trial } from './tune.js';

export class TuneStore {
  readonly trials: ReadonlyMap<string, Trial>;

  /** `key` says of what the measurements are: those of another one are refused, for their times and images are others. */
  constructor(
    readonly folder: string,
    readonly key: string,
  ) {
    mkdirSync(folder, { recursive: true });
    this.trials = this.#read();
  }

  keepTrials(trials: ReadonlyMap<string, Trial>): void {
    writeFileAtomic(this.#trialsPath, `${JSON.stringify({ key: this.key, trials: [...trials.values()] })}\n`);
  }

  fits(): StepGrams | undefined {
    return existsSync(this.#fitsPath) ? StepGrams.load(this.#fitsPath) : undefined;
  }

  keepFits(fits: StepGrams): void {
    if (!existsSync(this.#fitsPath)) fits.save(this.#fitsPath);
  }

  #read(): Map<string, Trial> {
    if (!existsSync(this.#trialsPath)) return new Map();
    let saved: { key?: unknown; trials?: unknown };
    try {
      saved = { ...JSON.parse(readFileSync(this.#trialsPath, 'utf8')) };
    } catch (error) {
      throw new FormatError(`${this.#trialsPath} is not the JSON of a tuning`, { cause: error });
    }
    if (saved.key !== this.key)
      throw new FormatError(
        `${this.folder} has a tuning of another model, machine, seed or sampler; take another folder`,
      );
    if (!Array.isArray(saved.trials) || !saved.trials.every(isTrial))
      throw new FormatError(`${this.#trialsPath} has trials without numbers`);
    return new Map(saved.trials.map((trial: Trial) => [trial.name, trial]));
  }

  get #trialsPath(): string {
    return join(this.folder, 'trials.json');
  }

  get #fitsPath(): string {
    return join(this.folder, 'fits.safetensors');
  }
}

function isTrial(value: unknown): value is Trial {
  if (typeof value !== 'object' || value === null) return false;
  const trial = value as Record<string, unknown>;
  return (
    typeof trial.name === 'string' &&
    ['psnr', 'macs', 'time', 'cacheBytes'].every((field) => Number.isFinite(trial[field]))
  );
}
