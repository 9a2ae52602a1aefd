/** A server whose images are drawn by workers through a queue in Redis. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { decode } from 'fast-png';
import { Redis } from 'ioredis';
import { type RunningServer, type RunningWorker, startServer, startWorker } from '../../server/src/index.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { NO_REDIS, TestRedis } from './redis.js';
import { errorOf, eventually, holdBack, openTiny, postImages } from './running.js';

interface Answer {
  readonly data: readonly { readonly b64_json: string }[];
}

const body = (own: object) => ({ label: 1, steps: 2, ...own });

describe('a server with a queue', { skip: NO_REDIS }, () => {
  let redis: TestRedis;
  let asking: Pipeline;
  let drawing: Pipeline;
  let server: RunningServer;
  let worker: RunningWorker;
  const failures: unknown[] = [];
  const onError = (error: unknown) => void failures.push(error);
  const queue = () => ({ url: redis.url, staleSeconds: 1 });
  const images = async (response: Response) => {
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return (JSON.parse(text) as Answer).data.map(({ b64_json }) => b64_json);
  };
  const health = async () =>
    (await (await fetch(`${server.address}/health`)).json()) as Record<string, unknown>;

  before(async () => {
    redis = await TestRedis.start();
    [asking, drawing] = [await openTiny(), await openTiny()];
    server = await startServer(asking, { port: 0, queue: queue(), onError });
    worker = await startWorker(drawing, { queue: queue(), onError });
  });

  after(async () => {
    await server.close();
    await worker.close();
    await redis[Symbol.asyncDispose]();
    await asking.dispose();
    await drawing.dispose();
    // Redis is away by then, which those that are left may notice once more.
    for (const failure of failures) assert.match(String(failure), /the queue is away/);
  });

  test('answers with the images of the engine, which its own pipeline does not draw', async () => {
    const drawn = await images(await postImages(server.address, body({ seed: 4, n: 3, guidance: 3 })));
    const { images: own } = await drawing.generate({
      ...{ labels: [1, 1, 1], seed: 4, steps: 2, guidanceScale: 3 },
    });
    assert.deepEqual(
      drawn.map((each) => [...decode(Buffer.from(each, 'base64')).data]),
      own.map(({ data }) => [...data]),
    );
    assert.equal(asking.sessionCounts.created, 0);
  });

  test('the same request again, now or later, is drawn once', async () => {
    const held = holdBack(drawing);
    try {
      const first = [
        postImages(server.address, body({ seed: 5 })),
        postImages(server.address, body({ seed: 5 })),
      ];
      await eventually(() => held.batches.length === 1, 'it is drawn');
      held.letGo();
      const [one, other] = await Promise.all(first.map(async (response) => images(await response)));
      assert.deepEqual(one, other);
      assert.deepEqual(await images(await postImages(server.address, body({ seed: 5 }))), one);
      assert.deepEqual(held.batches, [1]);
    } finally {
      held.release();
    }
  });

  test('streams progress, previews and images', async () => {
    const request = body({ seed: 6, steps: 4, n: 2, stream: true, partial_images: 2 });
    const text = await (await postImages(server.address, request)).text();
    const count = (type: string) => text.split(`event: image_generation.${type}\n`).length - 1;
    assert.equal(count('completed'), 2, text.slice(0, 2000));
    // Where events come late the image is there before them.
    assert.ok(count('progress') > 0 && count('progress') <= 8, `${count('progress')} steps`);
    assert.ok(count('partial_image') <= 4, `${count('partial_image')} previews`);
  });

  test('an image that fails in a worker fails in the server with the same words', async () => {
    const { generate } = drawing;
    drawing.generate = async () => {
      throw new Error('a defect');
    };
    try {
      const response = await postImages(server.address, body({ seed: 7 }));
      assert.equal(response.status, 500);
      assert.doesNotMatch((await errorOf(response)).message, /defect/);
      // Of the worker, and of the server.
      assert.ok(failures.splice(0).some((failure) => /a defect/.test(String(failure))));
    } finally {
      drawing.generate = generate;
    }
    await images(await postImages(server.address, body({ seed: 7 })));
  });

  test('users take turns, one image each, at whichever server they ask', async () => {
    await using pipeline = await openTiny();
    await using second = await openTiny();
    const cache = { policy: 'reuse', period: 4 } as const;
    const tokens = ['token-of-one', 'token-of-two'];
    const common = { queue: queue(), cache, onError };
    const servers = [
      await startServer(pipeline, { ...common, port: 0, tokens }),
      await startServer(second, { ...common, port: 0, tokens: [...tokens].reverse() }),
    ];
    const its = await startWorker(pipeline, { ...common, batching: { size: 1 } });
    const held = holdBack(pipeline);
    const { generate } = pipeline;
    const order: number[] = [];
    pipeline.generate = (options, onStep) => {
      order.push(options.perImage![0]!.seed!);
      return generate.call(pipeline, options, onStep);
    };
    const ask = (server: number, token: number, seed: number, n: number) =>
      postImages(servers[server]!.address, body({ seed, n }), {
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens[token]}` },
      });
    const waiting = async () =>
      ((await (await fetch(`${servers[0]!.address}/health`)).json()) as { waiting: number }).waiting;
    try {
      const answers = [ask(0, 0, 100, 4)];
      await eventually(async () => held.batches.length === 1 && (await waiting()) === 3, 'one is drawn');
      answers.push(ask(1, 1, 200, 3));
      await eventually(async () => (await waiting()) === 6, 'the other user waits');
      answers.push(ask(1, 0, 300, 1));
      await eventually(async () => (await waiting()) === 7, 'the first user asks for more');
      held.letGo();
      for (const answer of answers) await images(await answer);
      assert.deepEqual(order, [100, 100, 200, 100, 200, 100, 200, 300]);
    } finally {
      held.release();
      for (const each of servers) await each.close();
      await its.close();
    }
  });

  test('images whose client has left are dropped', async () => {
    const held = holdBack(drawing);
    try {
      const leave = new AbortController();
      const left = postImages(server.address, body({ seed: 8, steps: 50 }), { signal: leave.signal });
      await eventually(() => held.batches.length === 1, 'it is drawn');
      leave.abort();
      await assert.rejects(left);
      await eventually(async () => (await health()).drawing === 0, 'nothing is drawn');
    } finally {
      held.release();
    }
  });

  test('metrics are those of the workers too', async () => {
    const text = await (await fetch(`${server.address}/metrics`)).text();
    assert.match(text, /^incache_images_total\{worker="[^"]+"\} \d+$/m);
    assert.match(text, /^incache_workers 1$/m);
    assert.equal((await health()).workers, 1);
  });

  test('a worker with another model, version or policy has a queue of its own', async () => {
    await using other = await openTiny();
    const stranger = await startWorker(other, { queue: queue(), onError, cache: { policy: 'reuse' } });
    try {
      const [found] = await stranger.otherServers();
      assert.match(found!, /^tiny \([0-9a-f]{12}, incache \d/);
      assert.deepEqual(await worker.otherServers(), []);
      const held = holdBack(other);
      held.letGo();
      await images(await postImages(server.address, body({ seed: 9, n: 4 })));
      assert.deepEqual(held.batches, []);
    } finally {
      await stranger.close();
    }
  });

  test('pictures may be kept in a folder', async () => {
    const folder = `${temporaryFolder()}/pictures`;
    await using pipeline = await openTiny();
    const kept = { ...queue(), results: folder };
    const cache = { policy: 'reuse', period: 3 } as const;
    const own = await startServer(pipeline, { port: 0, queue: kept, cache, onError });
    const its = await startWorker(pipeline, { queue: kept, cache, onError });
    try {
      const [drawn] = await images(await postImages(own.address, body({ seed: 10 })));
      assert.ok(decode(Buffer.from(drawn!, 'base64')).width === 8);
      const names = readdirSync(folder);
      assert.equal(names.length, 1);
      assert.match(names[0]!, /^[0-9a-f]{64}\.png$/);
    } finally {
      await own.close();
      await its.close();
    }
  });

  test('answers 503 while Redis has no memory for more, and says why to the log', async () => {
    const admin = new Redis(redis.url);
    try {
      await admin.config('SET', 'maxmemory', '1');
      const refused = await postImages(server.address, body({ seed: 12 }));
      assert.equal(refused.status, 503);
      assert.equal((await errorOf(refused)).code, 'queue_unavailable');
      await admin.config('SET', 'maxmemory', '0');
      await images(await postImages(server.address, body({ seed: 12 })));
      for (const failure of failures.splice(0)) assert.match(String(failure), /OOM|EXECABORT/);
    } finally {
      admin.disconnect();
    }
  });

  test('answers 503 while Redis is away, and draws again when it is back', async () => {
    await redis.stop();
    await eventually(async () => (await health()).status === 'queue away', 'it is noticed');
    const refused = await postImages(server.address, body({ seed: 11 }));
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    assert.equal((await errorOf(refused)).code, 'queue_unavailable');
    await redis.start();
    await eventually(async () => (await health()).status === 'ok', 'it is back');
    await images(await postImages(server.address, body({ seed: 11 })));
    for (const failure of failures.splice(0)) assert.match(String(failure), /the queue is away/);
  });

  test('server and worker end while Redis is away', async () => {
    await using pipeline = await openTiny();
    const own = await startServer(pipeline, { port: 0, queue: queue(), onError });
    const its = await startWorker(pipeline, { queue: queue(), onError });
    await redis.stop();
    await own.close();
    await its.close();
  });
});
