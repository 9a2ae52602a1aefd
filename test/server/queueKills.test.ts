/** Workers of which one after another is killed, and a Redis that is restarted: every request ends in its image. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { startServer } from '../../server/src/index.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { NO_REDIS, TestRedis } from './redis.js';
import { postImages } from './running.js';

/** `INCACHE_KILLS=30 INCACHE_KILL_SECONDS=10` is five minutes of it, with three workers. */
const KILLS = Number(process.env.INCACHE_KILLS ?? 1);
const KILL_SECONDS = Number(process.env.INCACHE_KILL_SECONDS ?? 0.6);
const STALE_SECONDS = Math.max(1.5, KILL_SECONDS / 2);
const WORKERS = KILLS > 1 ? 3 : 2;
const CLIENTS = 8;
const STEPS = 10;
const SCRIPT = fileURLToPath(new URL('./queueWorker.js', import.meta.url));

interface Drawn {
  readonly seed: number;
  readonly pixels: Uint8Array;
}

class Workers {
  readonly #children: ChildProcess[] = [];

  constructor(readonly args: readonly string[]) {}

  async add(): Promise<void> {
    const child = spawn(process.execPath, [SCRIPT, ...this.args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    const died = once(child, 'exit').then(() => assert.fail('a worker has ended by itself'));
    await Promise.race([once(child.stdout!, 'data'), died]);
    // From here on it may be killed.
    died.catch(() => {});
  }

  /** The one that has worked for longest. */
  async kill(): Promise<void> {
    const child = this.#children.shift()!;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async killAll(): Promise<void> {
    while (this.#children.length > 0) await this.kill();
  }
}

describe('workers that are killed', { skip: NO_REDIS }, () => {
  test('lose no request and spoil no image', async (t) => {
    await using redis = await TestRedis.start();
    const path = writeTinyModel(`${temporaryFolder()}/tiny.safetensors`);
    await using pipeline = await Pipeline.load(path, { backend: 'wasm', threads: 1 });
    const server = await startServer(pipeline, {
      ...{ port: 0, queue: { url: redis.url, staleSeconds: STALE_SECONDS } },
      onError: (error) => failures.push(error),
    });
    const workers = new Workers([redis.url, path, String(STALE_SECONDS)]);
    const drawn: Drawn[] = [];
    const failures: unknown[] = [];
    try {
      await Promise.all(Array.from({ length: WORKERS }, () => workers.add()));
      let seed = 0;
      let isOver = false;
      let refused = 0;
      const ask = async () => {
        while (!isOver) {
          const own = seed++;
          const response = await postImages(server.address, { label: own % 3, seed: own, steps: STEPS });
          const text = await response.text();
          // It was not accepted.
          if (response.status === 503) refused++;
          else {
            assert.equal(response.status, 200, `${text} ${failures.map(String).join('; ')}`);
            const [image] = JSON.parse(text).data;
            const png = decode(Buffer.from(image.b64_json, 'base64'));
            drawn.push({ seed: own, pixels: new Uint8Array(png.data) });
          }
        }
      };
      const clients = Promise.all(Array.from({ length: CLIENTS }, ask));
      // It is waited for in the end.
      clients.catch(() => {
        isOver = true;
      });
      for (let kill = 0; kill < KILLS && !isOver; kill++) {
        await sleep(1000 * KILL_SECONDS);
        await workers.kill();
        if (kill === KILLS >> 1) {
          await redis.stop();
          await redis.start();
        }
        await workers.add();
      }
      isOver = true;
      await clients;
      t.diagnostic(`${drawn.length} images, ${KILLS} workers killed, ${refused} requests refused with 503`);
    } finally {
      await workers.killAll();
      await server.close();
    }
    assert.ok(drawn.length >= CLIENTS);
    for (const { seed, pixels } of drawn) {
      const { images } = await pipeline.generate({ labels: [seed % 3], seed, steps: STEPS });
      assert.deepEqual(images[0]!.data, pixels, `seed ${seed}`);
    }
  });
});
