/** A web application whose pictures are drawn in a thread of their own. PORT is where it listens; 0 for a port that is free. */
import Fastify from 'fastify';
import { Piscina } from 'piscina';

const app = Fastify();
const drawing = new Piscina({
  filename: new URL('./draw.mjs', import.meta.url).href,
  // One pipeline, which takes the requests in turn.
  minThreads: 1,
  maxThreads: 1,
  maxQueue: 100,
});

const querystring = {
  type: 'object',
  properties: {
    label: { type: 'integer', minimum: 0, maximum: 9, default: 7 },
    seed: { type: 'integer', minimum: 0, maximum: 2 ** 32, default: 0 },
  },
};

app.get('/digit.png', { schema: { querystring } }, async (request, reply) => {
  if (drawing.queueSize >= drawing.options.maxQueue) return reply.code(503).header('retry-after', 5).send();
  return reply.type('image/png').send(Buffer.from(await drawing.run(request.query)));
});

app.addHook('onClose', () => drawing.destroy());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());

console.log(await app.listen({ port: Number(process.env.PORT ?? 8080) }));
