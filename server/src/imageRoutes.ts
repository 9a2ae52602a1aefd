/** `POST /v1/images/generations`, as OpenAI's images API has it, and the pictures that answers have addresses of. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './apiError.js';
import { Call } from './call.js';
import type { Drawer, Drawn } from './drawing.js';
import { type Asked, type ImageRequest, readRequest, type Served } from './imageRequest.js';
import type { ResolvedLimits } from './options.js';
import { PictureStore } from './pictureStore.js';
import { ERROR_SCHEMA, IMAGES_SCHEMA, requestSchema } from './schema.js';
import { streamImages } from './streamImages.js';

export interface ImageContext {
  readonly served: Served;
  readonly drawer: Drawer;
  readonly limits: ResolvedLimits;
  /** Those that are under way. */
  readonly calls: Set<Call>;
}

/** A picture as an answer has it. */
export type ImageData = { readonly b64_json: string } | { readonly url: string };

const FILES = '/v1/images/files';

export function addImageRoutes(app: FastifyInstance, context: ImageContext): void {
  const { served, drawer, limits, calls } = context;
  const store = new PictureStore();

  const dataOf =
    (request: FastifyRequest<{ Body: ImageRequest }>) =>
    ({ png, url }: Drawn): ImageData => {
      if (request.body.response_format !== 'url') return { b64_json: Buffer.from(png).toString('base64') };
      return { url: url ?? `${request.protocol}://${request.host}${FILES}/${store.add(png)}.png` };
    };

  app.post<{ Body: ImageRequest }>(
    '/v1/images/generations',
    {
      schema: {
        summary: 'Draw images',
        tags: ['images'],
        body: requestSchema(limits),
        response: {
          200: {
            description: 'The images; with `stream` server-sent events instead.',
            content: {
              'application/json': { schema: IMAGES_SCHEMA },
              'text/event-stream': { schema: { type: 'string' } },
            },
          },
          '4xx': ERROR_SCHEMA,
          '5xx': ERROR_SCHEMA,
        },
      },
    },
    async (request, reply) => {
      const asked = readRequest(request.body, served);
      const call = new Call(reply.raw, limits.seconds);
      calls.add(call);
      const finish = () => {
        call[Symbol.dispose]();
        calls.delete(call);
      };
      const { user } = request;
      if (request.body.stream)
        return streamImages({
          ...{ asked, user, call, drawer, reply, finish },
          dataOf: dataOf(request),
          deliverySeconds: limits.deliverySeconds,
        });
      try {
        const { drawn } = await drawer.accept({ ...asked, user, signal: call.signal });
        return answer(asked, (await drawn).map(dataOf(request)));
      } finally {
        finish();
      }
    },
  );

  app.get<{ Params: { name: string } }>(
    `${FILES}/:name`,
    {
      config: { isOpen: true },
      schema: {
        summary: 'A picture that an answer has the address of, for an hour',
        tags: ['images'],
        params: { type: 'object', properties: { name: { type: 'string', maxLength: 100 } } },
      },
    },
    (request, reply) => sendPicture(reply, store.find(request.params.name.replace(/\.png$/, ''))),
  );
}

function answer({ seed, size }: Asked, data: readonly ImageData[]) {
  return { created: seconds(), data, background: 'opaque', output_format: 'png', size, seed };
}

function sendPicture(reply: FastifyReply, png: Uint8Array | undefined): FastifyReply {
  if (!png)
    throw new ApiError(404, 'there is no such picture, or it is older than an hour', { code: 'not_found' });
  return reply.type('image/png').header('cache-control', 'private, max-age=3600').send(Buffer.from(png));
}

/** Now, as OpenAI's API tells times. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
