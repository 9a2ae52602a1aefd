/** Has images drawn by workers, in other processes or on other machines, that take them from a queue in Redis. */
import { Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { ApiError } from '../apiError.js';
import type { AcceptedDrawing, Drawer, DrawerCounts, Drawing, Drawn } from '../drawing.js';
import type { ResolvedLimits, ResolvedQueueOptions } from '../options.js';
import { closeWith, connect, PREFIX, SERVERS, withoutConnections } from './connection.js';
import { errorOf, type ImageJob, isAbandoned, type JobStep, jobOf } from './job.js';
import { askedKey, queueName, turnsKey } from './keys.js';
import { Living } from './living.js';
import { type Results, resultsOf } from './results.js';
import { Turns } from './turns.js';

export interface QueueDrawerOptions {
  readonly queue: ResolvedQueueOptions;
  readonly limits: Pick<ResolvedLimits, 'queue' | 'queuePerUser'>;
  readonly fingerprint: string;
  /** What is served, for workers that draw something else to say. */
  readonly description: string;
  readonly onError: (error: unknown) => void;
}

/** Somebody who waits for an image. */
interface Waiter {
  readonly drawing: Drawing;
  readonly place: number;
  readonly resolve: (drawn: Drawn) => void;
  readonly reject: (error: unknown) => void;
}

/** A job that this server waits for, by itself or beside others. */
interface Pending {
  readonly job: ImageJob;
  /** Who asked for it first. */
  readonly user: string;
  readonly waiters: Set<Waiter>;
}

/** Milliseconds in which Redis must have taken a request in. */
const PATIENCE = 5000;
const RETRY_AFTER = 5;
/** Events that Redis keeps: what a server misses it learns from its next look at the jobs. */
const EVENTS = 1000;
/** Milliseconds of a wait for events, which a server that is closed while Redis is away sees to its end. */
const BLOCKING = 2000;

export class QueueDrawer implements Drawer {
  readonly client: Redis;
  readonly #options: QueueDrawerOptions;
  readonly #queue: Queue;
  readonly #events: QueueEvents;
  readonly #results: Results;
  readonly #servers: Living;
  readonly #turns: Turns;
  readonly #pending = new Map<string, Pending>();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(options: QueueDrawerOptions) {
    const { queue, fingerprint, onError } = options;
    this.#options = options;
    this.client = connect(queue.url, onError);
    const common = { connection: this.client, prefix: PREFIX };
    const told = withoutConnections(onError);
    this.#results = resultsOf(queue, this.client);
    this.#servers = new Living(this.client, SERVERS);
    this.#queue = new Queue(queueName(fingerprint), {
      ...common,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      streams: { events: { maxLen: EVENTS } },
    });
    this.#turns = new Turns(this.client, this.#queue.toKey('prioritized'), turnsKey(fingerprint));
    this.#events = new QueueEvents(queueName(fingerprint), { ...common, blockingTimeout: BLOCKING });
    this.#queue.on('error', told);
    this.#events.on('error', told);
    this.#events.on(
      'completed',
      ({ jobId, returnvalue }) => void this.#complete(jobId, returnvalue).catch(told),
    );
    this.#events.on('failed', ({ jobId, failedReason }) => void this.#fail(jobId, failedReason).catch(told));
    this.#events.on('progress', ({ jobId, data }) => this.#tell(jobId, data as unknown as JobStep));
    this.#timer = setInterval(() => void this.#look().catch(told), 250 * queue.staleSeconds);
    this.client.once('ready', () => void this.#look().catch(told));
  }

  async counts(): Promise<DrawerCounts> {
    const [counts, workers] = await this.#ask(() =>
      Promise.all([
        this.#queue.getJobCounts('waiting', 'prioritized', 'active'),
        this.#queue.getWorkersCount(),
      ]),
    );
    // Those that are taken from a dead worker wait before all others.
    const { waiting = 0, prioritized = 0, active = 0 } = counts;
    return { waiting: waiting + prioritized, drawing: active, workers };
  }

  async accept(drawing: Drawing): Promise<AcceptedDrawing> {
    drawing.signal.throwIfAborted();
    this.#requireRoom(drawing);
    const jobs = drawing.images.map((image) => jobOf(drawing, image, this.#options.fingerprint));
    // Before they are in the queue, or their events could be missed.
    const drawn = Promise.all(jobs.map((job, place) => this.#wait(job, drawing, place)));
    // Until it is returned nobody listens.
    drawn.catch(() => {});
    try {
      await this.#ask(() => this.#add(jobs, drawing.user));
    } catch (error) {
      this.#leave(drawing, error);
      throw error;
    }
    return { drawn };
  }

  /** Whoever still waits has been told already. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await closeWith(this.client, () => Promise.allSettled([this.#events.close(), this.#queue.close()]));
  }

  #requireRoom({ user, images }: Drawing): void {
    const { queue, queuePerUser } = this.#options.limits;
    const users = [...this.#pending.values()].flatMap(({ waiters }) =>
      [...waiters].map(({ drawing }) => drawing.user),
    );
    const isFull = users.length + images.length > queue;
    if (!isFull && users.filter((each) => each === user).length + images.length <= queuePerUser) return;
    const whose = isFull ? 'the queue is full' : 'too many of your images are waiting';
    throw new ApiError(429, `${whose}; try again in about ${RETRY_AFTER} s`, {
      code: 'rate_limit_exceeded',
      retryAfter: RETRY_AFTER,
    });
  }

  /** Rejects with an `ApiError` of status 503 where Redis is away, or refuses: its memory is full, or it may only be read. */
  async #ask<T>(action: () => Promise<T>): Promise<T> {
    if (this.client.status !== 'ready') throw away();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(away()), PATIENCE);
    });
    try {
      return await Promise.race([action(), late]);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#options.onError(error);
      throw away(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What is drawn already is given out; a job that there is already, of whichever server, stays as it is. */
  async #add(jobs: readonly ImageJob[], user: string): Promise<void> {
    await this.#renew(jobs.map(({ id }) => id));
    const found = await Promise.all(jobs.map(({ id }) => this.#deliver(id)));
    const others = jobs.filter((_, i) => !found[i]);
    if (others.length === 0) return;
    const priorities = await this.#turns.next(user, others.length);
    await this.#queue.addBulk(
      others.map(({ id, data }, i) => ({
        name: 'image',
        data,
        opts: { jobId: id, priority: priorities[i]! },
      })),
    );
  }

  #wait(job: ImageJob, drawing: Drawing, place: number): Promise<Drawn> {
    return new Promise((resolve, reject) => {
      const { user } = drawing;
      const pending = this.#pending.get(job.id) ?? { job, user, waiters: new Set() };
      this.#pending.set(job.id, pending);
      pending.waiters.add({ drawing, place, resolve, reject });
      const { signal } = drawing;
      signal.addEventListener('abort', () => this.#leave(drawing, signal.reason), { once: true });
    });
  }

  /** Jobs that nobody waits for are renewed no more: the worker that has or finds one drops it. */
  #leave(drawing: Drawing, reason: unknown): void {
    for (const [id, { waiters }] of this.#pending) {
      for (const waiter of waiters) {
        if (waiter.drawing !== drawing) continue;
        waiters.delete(waiter);
        waiter.reject(reason);
      }
      if (waiters.size === 0) this.#pending.delete(id);
    }
  }

  #take(id: string): readonly Waiter[] {
    const waiters = [...(this.#pending.get(id)?.waiters ?? [])];
    this.#pending.delete(id);
    return waiters;
  }

  /** Gives the picture to those who wait for it; false where there is none yet. */
  async #deliver(id: string): Promise<boolean> {
    const png = await this.#results.get(id);
    if (!png) return false;
    const url = await this.#results.url?.(id);
    const drawn = { png, ...(url !== undefined && { url }) };
    for (const { drawing, place, resolve } of this.#take(id)) {
      drawing.onImage?.(place, drawn);
      resolve(drawn);
    }
    return true;
  }

  /** A picture that does not show yet, in a folder of the network, is found by a later look. */
  async #complete(id: string, kind: string): Promise<void> {
    if (!this.#pending.has(id) || (await this.#deliver(id)) || kind === this.#results.kind) return;
    const error = new Error(`a worker keeps its pictures elsewhere (${kind}): give both the same --results`);
    for (const { reject } of this.#take(id)) reject(error);
  }

  async #fail(id: string, reason: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (!pending) return;
    // Its last client left just before this one came: the job goes into the queue again.
    if (isAbandoned(reason)) return this.#add([pending.job], pending.user);
    const error = errorOf(reason);
    for (const { drawing, reject } of this.#take(id)) {
      reject(error);
      this.#leave(drawing, error);
    }
  }

  #tell(id: string, { preview, ...step }: JobStep): void {
    for (const { drawing, place } of this.#pending.get(id)?.waiters ?? []) {
      const { number, base64 = '' } = preview ?? {};
      const shown = number !== undefined && { preview: { number, png: Buffer.from(base64, 'base64') } };
      drawing.onStep?.(place, { ...step, ...shown });
    }
  }

  /** Says which jobs are still waited for, and looks after those whose events were lost, or which were lost themselves. */
  async #look(): Promise<void> {
    if (this.#isLooking || this.client.status !== 'ready') return;
    this.#isLooking = true;
    try {
      const { fingerprint, description, queue } = this.#options;
      await this.#servers.say(fingerprint, description, Math.ceil(6 * queue.staleSeconds));
      const ids = [...this.#pending.keys()];
      const exist = await this.#renew(ids);
      for (const [i, id] of ids.entries()) {
        const pending = this.#pending.get(id);
        if (!pending || exist[i] || (await this.#deliver(id))) continue;
        // Unless those who asked have left meanwhile.
        if (this.#pending.get(id) === pending) await this.#add([pending.job], pending.user);
      }
    } finally {
      this.#isLooking = false;
    }
  }

  /** Says that the jobs are asked for. Resolves to which of them are in the queue. */
  async #renew(ids: readonly string[]): Promise<boolean[]> {
    const pipeline = this.client.pipeline();
    for (const id of ids)
      pipeline
        .set(askedKey(id), 1, 'PX', Math.ceil(1000 * this.#options.queue.staleSeconds))
        .exists(this.#queue.toKey(id));
    const answers = (await pipeline.exec()) ?? [];
    const failed = answers.find(([error]) => error);
    if (failed) throw failed[0];
    return ids.map((_, i) => answers[2 * i + 1]![1] === 1);
  }
}

/** Whether Redis has answered that it will not. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

function away(cause?: unknown): ApiError {
  return new ApiError(503, 'the queue cannot be reached; try again in a few seconds', {
    ...{ code: 'queue_unavailable', retryAfter: RETRY_AFTER, cause },
  });
}
