/** Names in Redis, beside those that BullMQ gives to its own. */
import { PREFIX } from './connection.js';

/** Each fingerprint has a queue of its own, so that workers find only what they can draw. */
export function queueName(fingerprint: string): string {
  return `images-${fingerprint}`;
}

/** There while somebody waits for the job. */
export function askedKey(job: string): string {
  return `${PREFIX}:asked:${job}`;
}

export function pictureKey(job: string): string {
  return `${PREFIX}:picture:${job}`;
}

/** The last place in the queue of each user. */
export function turnsKey(fingerprint: string): string {
  return `${PREFIX}:turns:${fingerprint}`;
}
