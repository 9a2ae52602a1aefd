/** Who draws for a server: itself, or the workers of a queue. */
import { type Pipeline, VERSION } from 'incache';
import { Batcher } from './batcher.js';
import type { Drawer } from './drawing.js';
import { DrawingMetrics } from './drawingMetrics.js';
import { Metrics } from './metrics.js';
import type { ResolvedQueueOptions, ResolvedServerOptions } from './options.js';
import { PngEncoder } from './pngEncoder.js';
import { fingerprintOf } from './queue/fingerprint.js';
import { QueueDrawer } from './queue/queueDrawer.js';
import { metricsText } from './queue/workerMetrics.js';
import { warmUp } from './warmUp.js';

export interface OpenDrawer {
  readonly drawer: Drawer;
  readonly metrics: Metrics;
  /** Of all who draw. */
  readonly metricsText: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** @param name of the model in requests */
export async function openDrawer(
  pipeline: Pipeline,
  options: ResolvedServerOptions,
  name: string,
): Promise<OpenDrawer> {
  const { queue } = options;
  return queue ? openQueue(pipeline, options, queue, name) : openOwn(pipeline, options);
}

async function openOwn(pipeline: Pipeline, { limits, batching }: ResolvedServerOptions): Promise<OpenDrawer> {
  await warmUp(pipeline);
  const encoder = new PngEncoder();
  const drawer = new Batcher(pipeline, {
    ...{ limits, batching, encoder },
    onBatch: (batch) => drawn.drawn(batch),
  });
  const metrics = new Metrics(drawer);
  const drawn = new DrawingMetrics(metrics.registry, pipeline);
  return {
    ...{ drawer, metrics },
    metricsText: () => metrics.registry.metrics(),
    close: () => encoder.close(),
  };
}

async function openQueue(
  pipeline: Pipeline,
  options: ResolvedServerOptions,
  queue: ResolvedQueueOptions,
  name: string,
): Promise<OpenDrawer> {
  const { limits, onError } = options;
  const fingerprint = await fingerprintOf(pipeline, options);
  const description = `${name} (${pipeline.checkpoint.hash.slice(0, 12)}, incache ${VERSION}, ${fingerprint})`;
  const drawer = new QueueDrawer({ queue, limits, fingerprint, description, onError });
  const metrics = new Metrics(drawer);
  return {
    ...{ drawer, metrics },
    metricsText: () => metricsText(metrics.registry, drawer.client, fingerprint),
    close: () => drawer.close(),
  };
}
