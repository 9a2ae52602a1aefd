/** The folder of an evaluation that can be killed at any time and taken up again. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, FormatError, IncacheError } from '../errors.js';
import { SafetensorsFile, writeSafetensors } from '../weights/safetensors.js';

/** What makes two runs the same run: options by name. */
export type RunKey = Readonly<Record<string, unknown>>;

const STATE = 'state.safetensors';

export class SavedRun {
  readonly #key: RunKey;

  /** Makes the folder where there is none. Throws an `IncacheError` when it cannot. */
  constructor(
    readonly folder: string,
    key: RunKey,
  ) {
    // As it will be read back: without what is undefined.
    this.#key = JSON.parse(JSON.stringify(key));
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw new IncacheError(`cannot make the folder ${folder}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes the state, whole or not at all. */
  save(state: ReadonlyMap<string, Float64Array>): void {
    const tensors = [...state].map(([name, data]) => ({
      name,
      dtype: 'F64' as const,
      shape: [data.length],
      data,
    }));
    writeSafetensors(this.path(STATE), tensors, { run: JSON.stringify(this.#key) });
  }

  /**
   * Calls `restore` with the saved state and returns true, or returns false when nothing was saved yet.
   * Throws an `ArgumentError` that names the first option in which the saved run differs from this one.
   */
  load(restore: (saved: (name: string) => Float64Array | undefined) => void): boolean {
    if (!existsSync(this.path(STATE))) return false;
    using file = SafetensorsFile.open(this.path(STATE));
    this.#requireSame(this.#savedKey(file));
    restore((name) => (file.tensors.has(name) ? file.readFloat64(name) : undefined));
    return true;
  }

  #savedKey(file: SafetensorsFile): RunKey {
    try {
      return JSON.parse(file.metadata.run!);
    } catch (error) {
      throw new FormatError(`${file.path} is not the state of an evaluation`, { cause: error });
    }
  }

  #requireSame(saved: RunKey): void {
    for (const name of new Set([...Object.keys(this.#key), ...Object.keys(saved)])) {
      const [mine, theirs] = [this.#key, saved].map((key) => JSON.stringify(key[name]) ?? 'not given');
      if (mine !== theirs)
        throw new ArgumentError(
          'resume',
          this.folder,
          `the folder of this run; in it ${name} is ${theirs}, not ${mine}`,
        );
    }
  }
}
