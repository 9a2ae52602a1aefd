/** What processes say of themselves in Redis, again and again; those that say nothing any more are forgotten. */
import type { Redis } from 'ioredis';
import { PREFIX } from './connection.js';

export class Living {
  readonly #client: Redis;
  readonly #key: string;

  /** @param group of processes, as in `servers` */
  constructor(client: Redis, group: string) {
    this.#client = client;
    this.#key = `${PREFIX}:${group}`;
  }

  /** Keeps a value for so many seconds. */
  async say(id: string, value: string, seconds: number): Promise<void> {
    await this.#client.multi().sadd(this.#key, id).set(`${this.#key}:${id}`, value, 'EX', seconds).exec();
  }

  /** Values by id. */
  async all(): Promise<Map<string, string>> {
    const ids = await this.#client.smembers(this.#key);
    if (ids.length === 0) return new Map();
    const values = await this.#client.mget(ids.map((id) => `${this.#key}:${id}`));
    const gone = ids.filter((_, i) => values[i] === null);
    if (gone.length > 0) await this.#client.srem(this.#key, gone);
    return new Map(ids.flatMap((id, i) => (values[i] == null ? [] : [[id, values[i]]])));
  }
}
