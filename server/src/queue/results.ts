/** Where workers put pictures for servers to find: in Redis, in a folder that all machines share, or in a bucket. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { pictureKey } from './keys.js';
import { isS3, S3Results, s3Settings } from './s3Results.js';

/** Pictures by the ids of their jobs, which are hexadecimal. They are gone some time after they were put. */
export interface Results {
  readonly kind: 'redis' | 'folder' | 's3';
  put(id: string, png: Uint8Array): Promise<void>;
  get(id: string): Promise<Uint8Array | undefined>;
  /** Where clients may fetch a picture for as long as it is kept, where that is not the server's to give. */
  url?(id: string): Promise<string>;
}

export class RedisResults implements Results {
  readonly kind = 'redis';

  constructor(
    readonly client: Redis,
    readonly keepSeconds: number,
  ) {}

  async put(id: string, png: Uint8Array): Promise<void> {
    await this.client.set(pictureKey(id), Buffer.from(png), 'EX', this.keepSeconds);
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    return (await this.client.getBuffer(pictureKey(id))) ?? undefined;
  }
}

/** Milliseconds between two looks for files that are too old. */
const SWEEP = 60_000;

export class FolderResults implements Results {
  readonly kind = 'folder';
  #swept = Number.NEGATIVE_INFINITY;

  constructor(
    readonly folder: string,
    readonly keepSeconds: number,
  ) {}

  /** A reader finds it whole or not at all. */
  async put(id: string, png: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const path = this.#path(id);
    const partial = `${path}.${randomBytes(4).toString('hex')}`;
    await writeFile(partial, png);
    await rename(partial, path);
    if (performance.now() - this.#swept > SWEEP) await this.#sweep();
  }

  async get(id: string): Promise<Uint8Array | undefined> {
    const path = this.#path(id);
    try {
      return (await this.#isOld(path)) ? undefined : await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    this.#swept = performance.now();
    for (const name of await readdir(this.folder)) {
      if (!/^[0-9a-f]{64}\.png/.test(name)) continue;
      const path = join(this.folder, name);
      // Other workers sweep too.
      if (await this.#isOld(path).catch(() => false)) await rm(path, { force: true });
    }
  }

  async #isOld(path: string): Promise<boolean> {
    const { mtimeMs } = await stat(path);
    return Date.now() - mtimeMs > 1000 * this.keepSeconds;
  }

  #path(id: string): string {
    return join(this.folder, `${id}.png`);
  }
}

export function resultsOf(
  { results, keepSeconds }: { readonly results?: string | undefined; readonly keepSeconds: number },
  client: Redis,
): Results {
  if (results === undefined) return new RedisResults(client, keepSeconds);
  if (isS3(results)) return new S3Results(s3Settings(results), keepSeconds);
  return new FolderResults(results, keepSeconds);
}
