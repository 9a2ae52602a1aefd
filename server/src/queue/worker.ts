/** Draws the images of a queue, beside other workers, until it is closed. */
import { type Job, WaitingError, Worker } from 'bullmq';
import { ArgumentError, type Pipeline } from 'incache';
import type { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { toApiError } from '../apiError.js';
import { Batcher } from '../batcher.js';
import { cacheOptions } from '../cacheChoice.js';
import { DrawingMetrics } from '../drawingMetrics.js';
import {
  type ResolvedQueueOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
  type WorkerOptions,
} from '../options.js';
import { PngEncoder } from '../pngEncoder.js';
import { checkRecipes, warmUp } from '../warmUp.js';
import { closeWith, connect, PREFIX, SERVERS, withoutConnections } from './connection.js';
import { fingerprintOf } from './fingerprint.js';
import { Abandoned, type JobData, type JobStep, reasonOf } from './job.js';
import { askedKey, queueName } from './keys.js';
import { Living } from './living.js';
import { type Results, resultsOf } from './results.js';
import { publishMetrics } from './workerMetrics.js';

export interface RunningWorker {
  /** Where no server asks for what this worker draws: what those at the queue serve, in words. */
  otherServers(): Promise<string[]>;
  /** Takes no more images, draws those that it has, and gives back to the queue what is not drawn after `graceSeconds`. The pipeline stays open. */
  close(): Promise<void>;
}

/** Workers that may die of a job before it is failed: it may be what kills them. */
const MOST_DEATHS = 5;
/** Milliseconds after which a worker that has lost Redis tries again. */
const RETRY = 1000;

/** The reason of images that are given back to the queue. */
class Closing extends Error {}

/**
 * Draws what servers with the same model, version, cache policy and recipes put into `options.queue`. Rejects with an `ArgumentError`
 * that names the option which is not what it must be.
 */
export async function startWorker(pipeline: Pipeline, given: WorkerOptions): Promise<RunningWorker> {
  if (!pipeline.decoder.isPresent) pipeline.decoder.checkpoint();
  const options = resolveServerOptions(given, pipeline);
  if (!options.queue) throw new ArgumentError('queue', options.queue, 'an object with a url');
  await checkRecipes(pipeline, options);
  await warmUp(pipeline);
  return new QueueWorker(pipeline, options, options.queue, await fingerprintOf(pipeline, options));
}

class QueueWorker implements RunningWorker {
  readonly #options: ResolvedServerOptions;
  readonly #fingerprint: string;
  readonly #client: Redis;
  readonly #results: Results;
  readonly #encoder = new PngEncoder();
  readonly #batcher: Batcher;
  readonly #worker: Worker<JobData, string>;
  readonly #metrics: Disposable;
  /** Those that are drawn, by their jobs. */
  readonly #drawings = new Map<string, AbortController>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    pipeline: Pipeline,
    options: ResolvedServerOptions,
    queue: ResolvedQueueOptions,
    fingerprint: string,
  ) {
    const { batching, onError } = options;
    const milliseconds = 1000 * queue.staleSeconds;
    this.#options = options;
    this.#fingerprint = fingerprint;
    this.#client = connect(queue.url, onError);
    this.#results = resultsOf(queue, this.#client);
    const registry = new Registry();
    const metrics = new DrawingMetrics(registry, pipeline);
    this.#batcher = new Batcher(pipeline, {
      batching,
      limits: { queue: Number.POSITIVE_INFINITY, queuePerUser: Number.POSITIVE_INFINITY },
      encoder: this.#encoder,
      onBatch: (batch) => metrics.drawn(batch),
    });
    const told = withoutConnections(onError);
    this.#metrics = publishMetrics(registry, this.#client, fingerprint, told);
    this.#worker = new Worker<JobData, string>(
      queueName(fingerprint),
      (job, token) => this.#draw(job, token!),
      {
        connection: this.#client,
        prefix: PREFIX,
        concurrency: batching.size,
        lockDuration: milliseconds,
        stalledInterval: milliseconds / 2,
        maxStalledCount: MOST_DEATHS,
        runRetryDelay: RETRY,
      },
    );
    this.#worker.on('error', told);
    this.#timer = setInterval(() => void this.#look().catch(told), milliseconds / 4);
  }

  async otherServers(): Promise<string[]> {
    const servers = await new Living(this.#client, SERVERS).all();
    return servers.has(this.#fingerprint) ? [] : [...servers.values()];
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => {
      for (const drawing of this.#drawings.values()) drawing.abort(new Closing());
    }, 1000 * this.#options.graceSeconds);
    // Where Redis is away nothing can be given back: other workers find that this one says nothing.
    await closeWith(this.#client, () => this.#worker.close(this.#client.status !== 'ready'));
    clearTimeout(timer);
    clearInterval(this.#timer);
    this.#metrics[Symbol.dispose]();
    await this.#encoder.close();
  }

  /** Resolves to where the picture is. */
  async #draw(job: Job<JobData, string>, token: string): Promise<string> {
    const id = job.id!;
    const end = new AbortController();
    this.#drawings.set(id, end);
    try {
      if (!(await this.#results.get(id))) await this.#results.put(id, await this.#pngOf(job, end.signal));
      return this.#results.kind;
    } catch (error) {
      if (end.signal.reason instanceof Closing) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      if (toApiError(error).status === 500 && !(error instanceof Abandoned)) this.#options.onError(error);
      throw new Error(reasonOf(error), { cause: error });
    } finally {
      this.#drawings.delete(id);
    }
  }

  async #pngOf(job: Job<JobData, string>, signal: AbortSignal): Promise<Uint8Array> {
    if ((await this.#client.exists(askedKey(job.id!))) === 0) throw new Abandoned();
    const { image, options, choice, key, previews, isWatched } = job.data;
    const [drawn] = await this.#batcher.draw({
      ...{ user: '', images: [image], choice, key, previews, signal },
      options: { ...options, cache: cacheOptions(choice, this.#options) },
      ...(isWatched && {
        onStep: (_, { preview, ...step }) => {
          const shown = preview && {
            number: preview.number,
            base64: Buffer.from(preview.png).toString('base64'),
          };
          const told: JobStep = { ...step, ...(shown && { preview: shown }) };
          // It is drawn whether or not that can be told.
          job.updateProgress(told).catch(() => {});
        },
      }),
    });
    return drawn!.png;
  }

  /** Drops what nobody asks for any more. */
  async #look(): Promise<void> {
    const ids = [...this.#drawings.keys()];
    if (ids.length === 0 || this.#client.status !== 'ready') return;
    const asked = await this.#client.mget(ids.map(askedKey));
    for (const [i, id] of ids.entries())
      if (asked[i] === null) this.#drawings.get(id)?.abort(new Abandoned());
  }
}
