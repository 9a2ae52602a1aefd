/** The folder in which the measurements of an experiment are kept, so that it can be killed at any time. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FormatError, IncacheError } from '../errors.js';
import { type RunKey, requireSameRun } from '../evaluate/runs/savedRun.js';
import { writeFileAtomic } from '../weights/atomicFile.js';
import { FolderLock } from '../weights/folderLock.js';
import type { Measurement, Row } from './experiment.js';

const EXPERIMENT = 'experiment.json';

export class MeasurementStore implements Disposable {
  private constructor(
    readonly folder: string,
    readonly lock: FolderLock,
  ) {}

  /**
   * Makes the folder, or takes it up, and keeps other processes out of it until `dispose`. `key` is all that decides
   * the numbers of every measurement. Rejects with an `ArgumentError` that names the first option in which the
   * experiment in the folder differs, or the process that is at work in it.
   */
  static async open(folder: string, key: RunKey): Promise<MeasurementStore> {
    const store = new MeasurementStore(folder, await FolderLock.take('out', folder));
    try {
      store.#begin(key);
      return store;
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  #begin(key: RunKey): void {
    makeFolder(join(this.folder, 'measurements'));
    const path = join(this.folder, EXPERIMENT);
    if (existsSync(path)) requireSameRun('out', this.folder, key, readJson(path) as RunKey);
    else writeFileAtomic(path, `${JSON.stringify(key, null, 1)}\n`);
  }

  [Symbol.dispose](): void {
    this.lock[Symbol.dispose]();
  }

  /** The rows of a measurement that was taken already. Throws an `ArgumentError` when it was of something else. */
  load({ name, key }: Measurement): Row[] | undefined {
    const path = this.#path(name);
    if (!existsSync(path)) return undefined;
    const saved = readJson(path) as { key?: RunKey; rows?: Row[] };
    if (!saved.key || !Array.isArray(saved.rows)) throw new FormatError(`${path} is not a measurement`);
    requireSameRun('out', path, key, saved.key);
    return saved.rows;
  }

  /** Writes the rows whole or not at all. */
  save({ name, key }: Measurement, rows: readonly Row[]): void {
    writeFileAtomic(this.#path(name), `${JSON.stringify({ key, rows })}\n`);
  }

  #path(name: string): string {
    return join(this.folder, 'measurements', `${fileName(name)}.json`);
  }
}

/** Letters, digits and dashes for a name of more than those. */
export function fileName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new IncacheError(`cannot make the folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new FormatError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
