/** Images as server-sent events: the events of OpenAI's API, and one of our own for progress. */
import type { FastifyReply } from 'fastify';
import type { Picture } from 'incache';
import { toApiError } from './apiError.js';
import type { Batcher } from './batcher.js';
import { type Call, limitDelivery } from './call.js';
import type { ImageStep } from './drawing.js';
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
  readonly batcher: Batcher;
  readonly reply: FastifyReply;
  readonly dataOf: (picture: Picture) => ImageData;
  /** Previews of each image. */
  readonly previews: number;
  readonly deliverySeconds: number;
  /** Called when nothing more is drawn for the request. */
  readonly finish: () => void;
}

/** Throws an `ApiError` where the queue is full; what fails later is an event of the stream. */
export function streamImages(options: StreamOptions): FastifyReply {
  const { asked, user, call, batcher, reply, dataOf, previews, finish } = options;
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
    const drawn = batcher.draw({
      ...asked,
      ...{ user, signal: call.signal },
      onStep: (index, step) => {
        if (events.isBehind) return;
        events.send(PROGRESS, { index, step: step.index + 1, steps: step.steps });
        const preview = previewNumber(step, previews);
        if (preview === undefined) return;
        const b64_json = Buffer.from(step.preview().toPng()).toString('base64');
        events.send(PREVIEW, { b64_json, partial_image_index: preview, index, ...common() });
      },
      onImage: (index, picture) => events.send(COMPLETED, { ...dataOf(picture), index, seed, ...common() }),
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

/** Of a step after which a preview is sent, the number of that preview: they are spread evenly over the steps. */
export function previewNumber(
  { index, steps }: Pick<ImageStep, 'index' | 'steps'>,
  previews: number,
): number | undefined {
  for (let preview = 0; preview < previews; preview++)
    if (index === Math.ceil(((preview + 1) * steps) / (previews + 1)) - 1) return preview;
  return undefined;
}
