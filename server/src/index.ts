/** HTTP server of a model, in the form of OpenAI's images API. The public face of @incache/server. */
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { IncacheError, type Pipeline } from 'incache';
import { ApiError } from './apiError.js';
import { type AppContext, buildApp } from './app.js';
import type { Call } from './call.js';
import { openDrawer } from './openDrawer.js';
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from './options.js';
import { checkRecipes } from './warmUp.js';

export {
  type BatchingOptions,
  type QueueOptions,
  readTokens,
  type ServerLimits,
  type ServerOptions,
  type WorkerOptions,
} from './options.js';
export { type RunningWorker, startWorker } from './queue/worker.js';

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
  const options = resolveServerOptions(given, pipeline);
  const name = given.name ?? nameOf(checkpoint.path);
  await checkRecipes(pipeline, options);
  const { drawer, metricsText, metrics, close } = await openDrawer(pipeline, options, name);
  const calls = new Set<Call>();
  let isClosing = false;
  const context: AppContext = {
    ...{ drawer, metrics, metricsText, limits: options.limits, options, calls },
    served: { pipeline, options, name },
    isClosing: () => isClosing,
  };
  const app = await buildApp(context);
  app.addHook('onClose', close);
  await listen(app, options);
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
    await app.close();
    const { message } = error as Error;
    throw new IncacheError(`cannot listen on ${host}, port ${port}: ${message}`, { cause: error });
  }
}

function nameOf(path: string): string {
  return basename(path).replace(/\.[a-z]+$/, '');
}
