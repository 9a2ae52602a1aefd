/**
 * One process at a time in a folder, by an empty file for each process that wants it. The name of the file tells the
 * process and when it began, which is looked up: one that has died, or ran before the machine was started anew, holds
 * nothing, so that nobody has to tidy up.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ArgumentError, IncacheError } from '../errors.js';

/**
 * State: `claim` while others are looked for, `held` when there was none. Then the process, when it began, the space of
 * its number (see `spaceOf`), and which of the process's locks it is.
 */
const NAME = /^\.lock-(claim|held)-((\d+)-(\w+)-([0-9a-f]+)-\d+)$/;

interface Holder {
  readonly state: string;
  /** Unique. */
  readonly id: string;
  readonly pid: number;
}

/** Milliseconds between two signs of life, for processes that cannot look each other up. */
const BEAT = 10_000;
/** Milliseconds without one after which a process of another machine is taken for dead. */
const SILENCE = 120_000;

/** Where the system does not tell when a process began. */
const UNKNOWN = 'unknown';

let locks = 0;

export class FolderLock implements Disposable {
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#beat = setInterval(() => beat(path), BEAT).unref();
  }

  /**
   * Makes the folder where there is none and takes it. Rejects with an `ArgumentError` that names the process which
   * has it; `option` is what the folder was given as.
   */
  static async take(option: string, folder: string): Promise<FolderLock> {
    const me = `${process.pid}-${lookUp(process.pid)?.began ?? UNKNOWN}-${spaceOf()}-${locks++}`;
    const claim = join(folder, `.lock-claim-${me}`);
    const held = join(folder, `.lock-held-${me}`);
    try {
      attempt(folder, () => mkdirSync(folder, { recursive: true }));
      attempt(folder, () => writeFileSync(claim, ''));
      for (;;) {
        const others = holdersOf(folder).filter(({ id }) => id !== me);
        // Of two that claim at once the one of the smaller name gets it: the other sees its claim and gives way.
        const winner = others.find(({ state, id }) => state === 'held' || id < me);
        if (winner) throw inUse(option, folder, winner);
        if (others.length === 0) break;
        await setTimeout(5);
      }
      attempt(folder, () => renameSync(claim, held));
      return new FolderLock(held);
    } catch (error) {
      rmSync(claim, { force: true });
      throw error;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
    rmSync(this.#path, { force: true });
  }
}

/** Throws as `FolderLock.take` rejects, but takes nothing: for a look before work that comes first. */
export function requireUnused(option: string, folder: string): void {
  const holder = holdersOf(folder).find(({ state }) => state === 'held');
  if (holder) throw inUse(option, folder, holder);
}

function inUse(option: string, folder: string, { pid }: Holder): ArgumentError {
  return new ArgumentError(option, folder, `a folder that no run is using; process ${pid} is at work in it`);
}

/** Those whose processes live; files of others are removed. */
function holdersOf(folder: string): Holder[] {
  return namesIn(folder).flatMap((name) => {
    const [, state, id, pid, began, space] = NAME.exec(name) ?? [];
    if (id === undefined) return [];
    const path = join(folder, name);
    if (lives(path, Number(pid), began!, space!)) return [{ state: state!, id, pid: Number(pid) }];
    rmSync(path, { force: true });
    return [];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function lives(path: string, pid: number, began: string, space: string): boolean {
  if (space !== spaceOf()) {
    const lastBeat = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - lastBeat < SILENCE;
  }
  const found = lookUp(pid);
  return found !== undefined && (found.began === began || found.began === UNKNOWN);
}

/** When a process that lives began, since process numbers come again; nothing for one that does not live. */
function lookUp(pid: number): { began: string } | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of somebody else lives too.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    // The name of the program, in brackets, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    // A zombie has ended; only its parent has not asked yet how.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { began: fields[19]! };
  } catch {
    return { began: UNKNOWN };
  }
}

/** Differs between machines, their starts and containers: process numbers of one mean nothing in another. */
function spaceOf(): string {
  let name = hostname();
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    name = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux: the name of the machine has to do.
  }
  return createHash('sha256').update(name).digest('hex').slice(0, 12);
}

function beat(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The folder was removed under the run, which says so when it writes.
  }
}

function attempt(folder: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new IncacheError(`cannot use the folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
}
