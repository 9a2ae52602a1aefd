/** What Prometheus is told of a server. */
import type { Pipeline } from 'incache';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchRecord } from './batcher.js';
import type { Drawer } from './drawing.js';

const SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];
const IMAGES = [1, 2, 4, 8, 16, 32, 64];

export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;
  readonly #images: Counter;
  readonly #batchImages: Histogram;
  readonly #batchSeconds: Histogram;
  readonly #waited: Histogram;

  constructor(pipeline: Pipeline) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const counter = { registers };
    this.#requests = new Counter({
      ...counter,
      name: 'incache_requests_total',
      help: 'Requests that were answered, by route and status.',
      labelNames: ['route', 'status'],
    });
    this.#seconds = new Histogram({
      ...{ registers, buckets: SECONDS },
      name: 'incache_request_seconds',
      help: 'Time from a request to the end of its answer.',
      labelNames: ['route'],
    });
    this.#images = new Counter({ ...counter, name: 'incache_images_total', help: 'Images that were drawn.' });
    this.#batchImages = new Histogram({
      ...{ registers, buckets: IMAGES },
      name: 'incache_batch_images',
      help: 'Images of a batch.',
    });
    this.#batchSeconds = new Histogram({
      ...{ registers, buckets: SECONDS },
      name: 'incache_batch_seconds',
      help: 'Time to draw a batch.',
    });
    this.#waited = new Histogram({
      ...{ registers, buckets: SECONDS },
      name: 'incache_wait_seconds',
      help: 'Time that an image waited before it was drawn.',
    });
    this.#gauge(
      'incache_sessions_created',
      'Sessions that were planned and compiled.',
      () => pipeline.sessionCounts.created,
    );
    this.#gauge(
      'incache_sessions_reused',
      'Batches that found a session of an earlier one.',
      () => pipeline.sessionCounts.reused,
    );
    this.#gauge('incache_device_bytes', 'Memory of the device in use.', () => pipeline.device.memoryInUse);
  }

  watch(drawer: Drawer): void {
    this.#gauge('incache_images_waiting', 'Images that wait.', () => drawer.waiting);
    this.#gauge('incache_images_drawing', 'Images that are drawn now.', () => drawer.drawing);
  }

  /** @param route as it was declared, so that addresses which nobody serves make no series of their own */
  answered(route: string, status: number, milliseconds: number): void {
    this.#requests.inc({ route, status });
    this.#seconds.observe({ route }, milliseconds / 1000);
  }

  drawn({ images, milliseconds, waited }: BatchRecord): void {
    this.#images.inc(images);
    this.#batchImages.observe(images);
    this.#batchSeconds.observe(milliseconds / 1000);
    for (const time of waited) this.#waited.observe(time / 1000);
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      ...{ name, help, registers: [this.registry] },
      collect() {
        this.set(value());
      },
    });
  }
}
