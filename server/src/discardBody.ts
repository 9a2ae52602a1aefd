/** Reads what is left of a request's body without keeping it. */
import type { IncomingMessage } from 'node:http';

const MOST_BYTES = 32 * 2 ** 20;

/** Resolves at the body's end, when the client leaves or is cut off for its slowness, and after so many bytes that it means no good. */
export function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve();
    let bytes = 0;
    const stop = () => {
      request.off('data', count).off('end', stop).off('close', stop);
      resolve();
    };
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) stop();
    };
    request.on('data', count).on('end', stop).on('close', stop).resume();
  });
}
