/** The folder of an evaluation that can be killed at any time and taken up again. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, FormatError, IncacheError } from '../../errors.js';
import { FolderLock } from '../../weights/folderLock.js';
import { SafetensorsFile, writeSafetensors } from '../../weights/safetensors.js';

/** What makes two runs the same run: options by name. */
export type RunKey = Readonly<Record<string, unknown>>;

const STATE = 'state';

export class SavedRun implements Disposable {
  readonly #key: RunKey;
  readonly #lock: FolderLock;

  private constructor(
    readonly folder: string,
    key: RunKey,
    lock: FolderLock,
  ) {
    // As it will be read back: without what is undefined.
    this.#key = JSON.parse(JSON.stringify(key));
    this.#lock = lock;
  }

  /**
   * Makes the folder where there is none, and takes it until `dispose`. Rejects with an `ArgumentError` while another
   * run is at work in it, an `IncacheError` when it cannot be made.
   */
  static async open(folder: string, key: RunKey): Promise<SavedRun> {
    return new SavedRun(folder, key, await FolderLock.take('resume', folder));
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes the state, or a part of it that is kept by itself, whole or not at all. */
  save(state: ReadonlyMap<string, Float64Array>, part = STATE): void {
    const tensors = [...state].map(([name, data]) => ({
      name,
      dtype: 'F64' as const,
      shape: [data.length],
      data,
    }));
    writeSafetensors(this.#path(part), tensors, { run: JSON.stringify(this.#key) });
  }

  /**
   * Calls `restore` with the saved state, or that part, and returns true, or returns false when nothing was saved yet.
   * Throws an `ArgumentError` that names the first option in which the saved run differs from this one.
   */
  load(restore: (saved: (name: string) => Float64Array | undefined) => void, part = STATE): boolean {
    if (!existsSync(this.#path(part))) return false;
    using file = SafetensorsFile.open(this.#path(part));
    requireSameRun('resume', this.folder, this.#key, this.#savedKey(file));
    restore((name) => (file.tensors.has(name) ? file.readFloat64(name) : undefined));
    return true;
  }

  #path(part: string): string {
    return this.path(`${part}.safetensors`);
  }

  #savedKey(file: SafetensorsFile): RunKey {
    try {
      return JSON.parse(file.metadata.run!);
    } catch (error) {
      throw new FormatError(`${file.path} is not the state of an evaluation`, { cause: error });
    }
  }
}

/** An error of the disk with what it did not cost; any other as it is. */
export function withKept(error: unknown, kept: string): unknown {
  if (!(error instanceof IncacheError)) return error;
  if ((error.cause as NodeJS.ErrnoException | undefined)?.code === undefined) return error;
  return new IncacheError(`${error.message}; ${kept} kept, call again to go on`, { cause: error });
}

/**
 * Throws an `ArgumentError` that names the first part in which the key of the run in `folder` is another than
 * this run's; `option` is what the folder was given as.
 */
export function requireSameRun(option: string, folder: string, mine: RunKey, saved: RunKey): void {
  for (const name of new Set([...Object.keys(mine), ...Object.keys(saved)])) {
    const [here, there] = [mine, saved].map((key) => JSON.stringify(key[name]) ?? 'not given');
    if (here !== there)
      throw new ArgumentError(
        option,
        folder,
        `the folder of this run; in it ${name} is ${there}, not ${here}`,
      );
  }
}
