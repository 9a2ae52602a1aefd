/** What the server says of itself: models, health, metrics, its OpenAPI document and a page to try it. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from './apiError.js';
import type { AppContext } from './app.js';
import { seconds } from './imageRoutes.js';
import { PAGE } from './page.js';
import { ERROR_SCHEMA, HEALTH_SCHEMA, MODEL_SCHEMA, MODELS_SCHEMA } from './schema.js';

const STARTED = seconds();

export function addInfoRoutes(
  app: FastifyInstance,
  { served, drawer, metrics, metricsText, isClosing }: AppContext,
): void {
  const open = { isOpen: true };
  const model = {
    ...{ id: served.name, object: 'model', created: STARTED, owned_by: 'incache' },
    recipes: [...served.options.recipes.keys()],
  };

  app.get(
    '/v1/models',
    {
      schema: {
        summary: 'The model',
        tags: ['models'],
        response: { 200: MODELS_SCHEMA, '4xx': ERROR_SCHEMA },
      },
    },
    () => ({ object: 'list', data: [model] }),
  );

  app.get<{ Params: { model: string } }>(
    '/v1/models/:model',
    {
      schema: { summary: 'A model', tags: ['models'], response: { 200: MODEL_SCHEMA, '4xx': ERROR_SCHEMA } },
    },
    ({ params }) => {
      if (params.model !== model.id)
        throw new ApiError(404, `there is no such model; the server has ${model.id}`, {
          param: 'model',
          code: 'model_not_found',
        });
      return model;
    },
  );

  app.get(
    '/health',
    {
      config: open,
      schema: {
        summary: 'Whether requests are taken',
        tags: ['operation'],
        response: { 200: HEALTH_SCHEMA, 503: HEALTH_SCHEMA },
      },
    },
    async (_, reply) => {
      const counts = await drawer.counts().catch(() => undefined);
      const status = isClosing() ? 'closing' : counts ? 'ok' : 'queue away';
      return reply.code(status === 'ok' ? 200 : 503).send({ status, model: model.id, ...counts });
    },
  );

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics for Prometheus', tags: ['operation'] } },
    async (_, reply) => reply.type(metrics.registry.contentType).send(await metricsText()),
  );

  app.get('/openapi.json', { config: open, schema: { hide: true } }, () => app.swagger());

  app.get('/', { config: open, schema: { hide: true } }, (_, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'self' 'unsafe-inline'; img-src data:")
      .send(PAGE),
  );
}
