/** HTTP server of a model, in the form of OpenAI's images API. The public face of @incache/server. */
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { IncacheError, type Pipeline, type SamplerName } from 'incache';
import { ApiError } from './apiError.js';
import { type AppContext, buildApp } from './app.js';
import { Batcher } from './batcher.js';
import type { Call } from './call.js';
import { Metrics } from './metrics.js';
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from './options.js';
import { PngEncoder } from './pngEncoder.js';

export { type BatchingOptions, readTokens, type ServerLimits, type ServerOptions } from './options.js';

export interface RunningServer {
  /** As in http://127.0.0.1:8188. */
  readonly address: string;
  /**
   * Takes no more requests, draws those that it has, and resolves when all are answered. What is not drawn after `graceSeconds` is
   * given up. The pipeline stays open.
   */
  close(): Promise<void>;
}

/** After what was given up has been told to its clients, those who do not listen are left. */
const FAREWELL = 1000;
/** Milliseconds between two looks for connections that nothing comes over any more. */
const SWEEP = 50;

/**
 * Serves a pipeline, of which nothing else may draw meanwhile without slowing it. Rejects with an `ArgumentError` that names the option
 * which is not what it must be, and with an `IncacheError` where the model makes no pictures, a recipe is of another model or the port
 * is taken.
 */
export async function startServer(pipeline: Pipeline, given: ServerOptions = {}): Promise<RunningServer> {
  const { decoder, checkpoint } = pipeline;
  if (!decoder.isPresent) decoder.checkpoint();
  const { height, width } = pipeline.network.latents;
  const options = resolveServerOptions(given, height * width * decoder.pixelsPerLatent ** 2);
  const { limits, batching } = options;
  const metrics = new Metrics(pipeline);
  const encoder = new PngEncoder();
  const drawer = new Batcher(pipeline, {
    ...{ limits, batching, encoder },
    onBatch: (batch) => metrics.drawn(batch),
  });
  metrics.watch(drawer);
  const calls = new Set<Call>();
  let isClosing = false;
  const context: AppContext = {
    ...{ drawer, metrics, limits, options, calls },
    served: { pipeline, options, name: given.name ?? nameOf(checkpoint.path) },
    isClosing: () => isClosing,
  };
  const app = await buildApp(context);
  app.addHook('onClose', () => encoder.close());
  try {
    await warmUp(pipeline, options);
    await listen(app, options);
  } catch (error) {
    await app.close();
    throw error;
  }
  const { address, port, family } = app.server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: async () => {
      isClosing = true;
      const timer = setTimeout(() => {
        for (const call of calls) call.abort(new ApiError(503, 'the server has closed', { code: 'closing' }));
        setTimeout(() => app.server.closeAllConnections(), FAREWELL).unref();
      }, options.graceSeconds * 1000);
      // Those of streams, whose clients were not told that the connection would end, become idle later.
      const idle = setInterval(() => app.server.closeIdleConnections(), SWEEP);
      await app.close();
      clearTimeout(timer);
      clearInterval(idle);
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: ResolvedServerOptions): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { message } = error as Error;
    throw new IncacheError(`cannot listen on ${host}, port ${port}: ${message}`, { cause: error });
  }
}

function nameOf(path: string): string {
  return basename(path).replace(/\.[a-z]+$/, '');
}

/** Before anybody waits weights are read and packed; a model that cannot draw and recipes of another one are refused. */
async function warmUp(pipeline: Pipeline, { cache, recipes }: ResolvedServerOptions): Promise<void> {
  const takesText = pipeline.network.conditions.some(({ name }) => name === 'text');
  const drawn = takesText ? { prompts: 'warm-up' } : { labels: [0] };
  await pipeline.generate({ ...drawn, steps: 1 });
  for (const { info, options } of [...(cache.recipe ? [cache.recipe] : []), ...recipes.values()]) {
    await pipeline.checkpoint.loadHash();
    pipeline.plan({ ...drawn, cache: options, steps: info.steps, sampler: info.sampler as SamplerName });
  }
}
