/** Whose turn it is in the queue, whichever server has put images into it. */
import type { Redis } from 'ioredis';
import { sha256 } from './fingerprint.js';

/** The largest priority that BullMQ takes. */
const MOST = 2 ** 21 - 1;
/** Seconds after which nobody's last place matters any more. */
const FORGOTTEN = 86_400;

/**
 * Start-time fair queueing (Goyal, Vin and Cheng 1996), every image of the same cost: a user's images have places one behind the other,
 * from the place that is drawn next, so that users who wait are served one image each in turn. Where nobody waits places begin anew.
 * BullMQ's score of a job is 2^32 times its priority, and what tells jobs of one priority apart.
 */
const SCRIPT = `
local head = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if not head then redis.call('DEL', KEYS[2]) end
local passed = head and math.floor(head / 4294967296) - 1 or 0
local last = math.max(passed, tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0))
redis.call('HSET', KEYS[2], ARGV[1], last + tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[2], ${FORGOTTEN})
return last
`;

export class Turns {
  readonly #client: Redis;
  readonly #waiting: string;
  readonly #last: string;

  /** @param waiting BullMQ's key of the jobs that have priorities, `last` one for the last place of each user */
  constructor(client: Redis, waiting: string, last: string) {
    [this.#client, this.#waiting, this.#last] = [client, waiting, last];
  }

  /**
   * Priorities of a user's next images, the least first. After two million images in a row for which somebody always waited they are
   * all the same, so that images are drawn in the order in which they came.
   */
  async next(user: string, images: number): Promise<number[]> {
    // Redis has no use for addresses of people.
    const who = sha256(user).slice(0, 16);
    const last = Number(await this.#client.eval(SCRIPT, 2, this.#waiting, this.#last, who, images));
    return Array.from({ length: images }, (_, i) => Math.min(MOST, last + 1 + i));
  }
}
