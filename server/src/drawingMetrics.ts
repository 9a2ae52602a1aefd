/** What Prometheus is told of the process that draws: a server by itself, or a worker. */
import type { Pipeline } from 'incache';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BatchRecord } from './batcher.js';
import { SECONDS } from './metrics.js';

const IMAGES = [1, 2, 4, 8, 16, 32, 64];

export class DrawingMetrics {
  readonly #images: Counter;
  readonly #batchImages: Histogram;
  readonly #batchSeconds: Histogram;
  readonly #waited: Histogram;

  constructor(registry: Registry, pipeline: Pipeline) {
    const registers = [registry];
    this.#images = new Counter({ registers, name: 'incache_images_total', help: 'Images that were drawn.' });
    this.#batchImages = new Histogram({
      ...{ registers, name: 'incache_batch_images', buckets: IMAGES },
      help: 'Images of a batch.',
    });
    this.#batchSeconds = new Histogram({
      ...{ registers, name: 'incache_batch_seconds', buckets: SECONDS },
      help: 'Time to draw a batch.',
    });
    this.#waited = new Histogram({
      ...{ registers, name: 'incache_wait_seconds', buckets: SECONDS },
      help: 'Time that an image waited before it was drawn.',
    });
    for (const [name, help, value] of [
      [
        'incache_sessions_created',
        'Sessions that were planned and compiled.',
        () => pipeline.sessionCounts.created,
      ],
      [
        'incache_sessions_reused',
        'Batches that found a session of an earlier one.',
        () => pipeline.sessionCounts.reused,
      ],
      ['incache_device_bytes', 'Memory of the device in use.', () => pipeline.device.memoryInUse],
    ] as const)
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(value());
        },
      });
  }

  drawn({ images, milliseconds, waited }: BatchRecord): void {
    this.#images.inc(images);
    this.#batchImages.observe(images);
    this.#batchSeconds.observe(milliseconds / 1000);
    for (const time of waited) this.#waited.observe(time / 1000);
  }
}
