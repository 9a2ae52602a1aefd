/** The HTTP side of a server: who may call, how errors look, and the routes. */
import type { Socket } from 'node:net';
import cors from '@fastify/cors';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { VERSION } from 'incache';
import { ApiError, toApiError } from './apiError.js';
import { limitDelivery } from './call.js';
import { discardBody } from './discardBody.js';
import { addImageRoutes, type ImageContext } from './imageRoutes.js';
import { addInfoRoutes } from './infoRoutes.js';
import { isLoopback, requireLocalHost } from './localHost.js';
import type { Metrics } from './metrics.js';
import type { ResolvedServerOptions } from './options.js';
import { Users } from './users.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; empty on routes that are open to everybody. */
    user: string;
  }
  interface FastifyContextConfig {
    /** Whether a route needs no token. */
    readonly isOpen?: boolean;
  }
}

export interface AppContext extends ImageContext {
  readonly options: ResolvedServerOptions;
  readonly metrics: Metrics;
  readonly metricsText: () => Promise<string>;
  /** Whether the server takes no more requests. */
  readonly isClosing: () => boolean;
}

export async function buildApp(context: AppContext): Promise<FastifyInstance> {
  const { options, metrics, isClosing } = context;
  const { limits } = options;
  const arrival = limits.arrivalSeconds * 1000;
  const app = Fastify({
    bodyLimit: limits.bodyBytes,
    trustProxy: [...options.trustProxy],
    requestTimeout: arrival,
    // There too: time for headers is then as short.
    http: { requestTimeout: arrival, connectionsCheckingInterval: Math.min(1000, arrival / 2) },
    return503OnClosing: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true } },
    clientErrorHandler: refuseConnection,
  });
  // Connections that send nothing at all: the timeouts of requests begin with the first byte.
  app.server.on('connection', (socket) => socket.setTimeout(arrival));
  app.server.on('request', ({ socket }) => socket.setTimeout(0));
  const users = new Users(options.tokens);
  app.decorateRequest('user', '');
  app.setErrorHandler<FastifyError>(async (error, request, reply) => {
    // A client that is still sending would see its connection end, and no answer.
    if (error.statusCode === 413) await discardBody(request.raw);
    return sendError(reply, error, options.onError);
  });
  app.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${request.url.slice(0, 200)}`;
    return sendError(
      reply,
      new ApiError(404, `there is no ${what}; see /openapi.json`, { code: 'not_found' }),
    );
  });
  // First: a browser asks whether a page may call without a token.
  if (options.cors !== undefined) await app.register(cors, { origin: options.cors });
  const isLocal = options.tokens.length === 0 && isLoopback(options.host);
  app.addHook('onRequest', async (request) => {
    if (isLocal) requireLocalHost(request.headers.host);
    const { isOpen = false } = request.routeOptions.config;
    if (!isOpen) request.user = users.userOf(request);
    if (isClosing() && request.method === 'POST')
      throw new ApiError(503, 'the server is closing', { code: 'closing', retryAfter: 10 });
  });
  app.addHook('onSend', async (_, reply, payload) => {
    // A connection that stays open would keep the server from closing.
    if (isClosing()) reply.header('connection', 'close');
    // Streams end later: they see to it themselves.
    if (typeof payload === 'string' || Buffer.isBuffer(payload))
      limitDelivery(reply.raw, limits.deliverySeconds);
  });
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime);
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'incache', description: 'Draws images with a diffusion transformer.', version: VERSION },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(options.tokens.length > 0 && { security: [{ token: [] }] }),
    },
  });
  addImageRoutes(app, context);
  addInfoRoutes(app, context);
  return app;
}

function sendError(reply: FastifyReply, error: unknown, onError?: (error: unknown) => void): FastifyReply {
  const known = toApiError(error);
  if (known.status === 500) onError?.(error);
  if (known.retryAfter !== undefined) reply.header('retry-after', known.retryAfter);
  return reply.code(known.status).type('application/json; charset=utf-8').send(known.body);
}

/** Of what is no HTTP, or does not arrive in time: no request has come of it. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
  const { body } = new ApiError(Number(status.slice(0, 3)), status.slice(4));
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
}
