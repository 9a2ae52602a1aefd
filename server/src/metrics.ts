/** What Prometheus is told of the requests to a server. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Drawer } from './drawing.js';

export const SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];

export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;

  constructor(drawer: Drawer) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      ...{ registers, name: 'incache_requests_total' },
      help: 'Requests that were answered, by route and status.',
      labelNames: ['route', 'status'],
    });
    this.#seconds = new Histogram({
      ...{ registers, name: 'incache_request_seconds', buckets: SECONDS },
      help: 'Time from a request to the end of its answer.',
      labelNames: ['route'],
    });
    this.#watch(drawer);
  }

  /** @param route as it was declared, so that addresses which nobody serves make no series of their own */
  answered(route: string, status: number, milliseconds: number): void {
    this.#requests.inc({ route, status });
    this.#seconds.observe({ route }, milliseconds / 1000);
  }

  /** What a queue that is away does not tell is left out. */
  #watch(drawer: Drawer): void {
    const registers = [this.registry];
    for (const [name, count, help] of [
      ['incache_images_waiting', 'waiting', 'Images that wait.'],
      ['incache_images_drawing', 'drawing', 'Images that are drawn now.'],
      ['incache_workers', 'workers', 'Workers that draw for the queue.'],
    ] as const)
      new Gauge({
        ...{ registers, name, help },
        async collect() {
          const value = (await drawer.counts().catch(() => undefined))?.[count];
          if (value === undefined) this.remove();
          else this.set(value);
        },
      });
  }
}
