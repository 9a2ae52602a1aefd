/** Images as server-sent events: the events of OpenAI's API, and one of our own for progress. */
import type { FastifyReply } from 'fastify';
import { toApiError } from './apiError.js';
import { type Call, limitDelivery } from './call.js';
import type { Drawer, Drawn } from './drawing.js';
import { EventStream } from './eventStream.js';
import type { Asked } from './imageRequest.js';
import { type ImageData, seconds } from './imageRoutes.js';

const [PROGRESS, PREVIEW, COMPLETED] = [
  'image_generation.progress',
  'image_generation.partial_image',
  'image_generation.completed',
] as const;

export interface StreamOptions {
  readonly asked: Asked;
  readonly user: string;
  readonly call: Call;
  readonly drawer: Drawer;
  readonly reply: FastifyReply;
  readonly dataOf: (drawn: Drawn) => ImageData;
  readonly deliverySeconds: number;
  /** Called when nothing more is drawn for the request. */
  readonly finish: () => void;
}

/** Rejects with an `ApiError` where the drawing is not accepted; what fails later is an event of the stream. */
export async function streamImages(options: StreamOptions): Promise<FastifyReply> {
  const { asked, user, call, drawer, reply, dataOf, finish } = options;
  const { seed, size } = asked;
  const events = new EventStream();
  const common = () => ({
    created_at: seconds(),
    size,
    quality: 'auto',
    background: 'opaque',
    output_format: 'png',
  });
  try {
    const { drawn } = await drawer.accept({
      ...asked,
      ...{ user, signal: call.signal },
      onStep: (index, { index: step, steps, preview }) => {
        if (events.isBehind) return;
        events.send(PROGRESS, { index, step: step + 1, steps });
        if (!preview) return;
        const b64_json = Buffer.from(preview.png).toString('base64');
        events.send(PREVIEW, { b64_json, partial_image_index: preview.number, index, ...common() });
      },
      onImage: (index, image) => events.send(COMPLETED, { ...dataOf(image), index, seed, ...common() }),
    });
    drawn
      .catch((error: unknown) => {
        if (!reply.raw.destroyed) events.send('error', toApiError(error).body);
      })
      .finally(() => {
        finish();
        events.end();
        limitDelivery(reply.raw, options.deliverySeconds);
      });
  } catch (error) {
    finish();
    throw error;
  }
  return reply
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-cache')
    .header('x-accel-buffering', 'no')
    .send(events.body);
}
