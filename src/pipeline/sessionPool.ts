/** Sessions that runs have left, for the next runs like them: a run that finds one plans, compiles and allocates nothing. */
import type { Device, DeviceWeights } from '../backend/backend.js';
import { turn } from '../backend/eventLoop.js';
import { onMemoryPressure } from '../engine/memoryPressure.js';
import { DenoisingSession } from '../engine/session.js';
import type { SessionPlan } from '../engine/sessionPlan.js';

/** Idle sessions that are kept at most. */
const MOST_IDLE = 8;
/** The most that they take together, as a share of the device's memory. */
const MOST_SHARE = 0.25;

/** How often sessions were made and used again. */
export interface SessionCounts {
  /** Sessions that were planned, compiled and allocated. */
  readonly created: number;
  /** Runs that have found a session. */
  readonly reused: number;
  /** Sessions that wait for a run now. */
  readonly idle: number;
}

interface Idle {
  readonly key: string;
  readonly session: DenoisingSession;
}

export class SessionPool {
  readonly #device: Device;
  readonly #weights: () => DeviceWeights;
  /** What was used last is last. */
  #idle: Idle[] = [];
  /** Those that runs have now; without a key they are not kept. */
  readonly #lent = new Map<DenoisingSession, string | undefined>();
  /** Those that are being made. */
  readonly #planning = new Map<string, Promise<SessionPlan>>();
  readonly #pressure: Disposable;
  #created = 0;
  #reused = 0;
  #closed = false;

  constructor(device: Device, weights: () => DeviceWeights) {
    this.#device = device;
    this.#weights = weights;
    this.#pressure = onMemoryPressure(device, () => this.#dropOldest());
  }

  get counts(): SessionCounts {
    return { created: this.#created, reused: this.#reused, idle: this.#idle.length };
  }

  /**
   * A session for a run by itself, until it is given back: an idle one of this key, else a new one of what `plan` makes.
   * Rejects with an `OutOfMemoryError` when the device cannot hold it, even without the idle ones.
   */
  async lend(key: string | undefined, plan: () => Promise<SessionPlan>): Promise<DenoisingSession> {
    // Runs that begin at once are set up in turns of the event loop of their own.
    await turn();
    const place = this.#idle.findLastIndex((idle) => idle.key === key);
    const [found] = place < 0 ? [] : this.#idle.splice(place, 1);
    if (found) found.session.resume();
    const session = found?.session ?? (await this.#create(key, plan));
    if (found) this.#reused++;
    else this.#created++;
    this.#lent.set(session, key);
    return session;
  }

  /** Keeps the session for the next run of its key, or frees it. */
  giveBack(session: DenoisingSession): void {
    const key = this.#lent.get(session);
    this.#lent.delete(session);
    if (key === undefined || this.#closed) return session.dispose();
    this.#idle.push({ key, session });
    // In this order: with what it lets go of, it may have to go itself.
    session.rest();
    const most = this.#device.memoryLimit * MOST_SHARE;
    while (this.#idle.length > MOST_IDLE || bytesOf(this.#idle) > most) this.#dropOldest();
  }

  /** Frees a session whose run has failed. */
  drop(session: DenoisingSession): void {
    this.#lent.delete(session);
    session.dispose();
  }

  /** Frees the idle sessions whose key has `part` in it. Default: all. */
  clear(part = ''): void {
    const dropped = this.#idle.filter(({ key }) => key.includes(part));
    this.#idle = this.#idle.filter(({ key }) => !key.includes(part));
    for (const { session } of dropped) session.dispose();
  }

  /** Frees the idle sessions; those that runs have go when they are given back. */
  dispose(): void {
    this.#closed = true;
    this.#pressure[Symbol.dispose]();
    this.clear();
  }

  /** A run beside this one may have the plans already, or make them. */
  async #create(key: string | undefined, plan: () => Promise<SessionPlan>): Promise<DenoisingSession> {
    const [known] = [...this.#lent].find(([, other]) => key !== undefined && other === key) ?? [];
    const own = known?.plan ?? (await this.#planned(key, plan));
    await turn();
    return DenoisingSession.create(this.#device, this.#weights(), own);
  }

  #planned(key: string | undefined, plan: () => Promise<SessionPlan>): Promise<SessionPlan> {
    const known = key === undefined ? undefined : this.#planning.get(key);
    if (known) return known;
    const made = plan();
    if (key === undefined) return made;
    const done = made.finally(() => this.#planning.delete(key));
    this.#planning.set(key, done);
    return done;
  }

  #dropOldest(): boolean {
    const oldest = this.#idle.shift();
    oldest?.session.dispose();
    return oldest !== undefined;
  }
}

function bytesOf(idle: readonly Idle[]): number {
  return idle.reduce((bytes, { session }) => {
    const { cache, modulation, arena } = session.plan.memory;
    return bytes + cache + modulation + arena;
  }, 0);
}
