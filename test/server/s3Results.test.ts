/** Pictures in a bucket: what is put there and read there, and what is said where that cannot be. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decode } from 'fast-png';
import { startServer, startWorker } from '../../server/src/index.js';
import { S3Results, s3Settings } from '../../server/src/queue/s3Results.js';
import { TestBucket } from './bucket.js';
import { NO_REDIS, TestRedis } from './redis.js';
import { errorOf, openTiny, postImages } from './running.js';

const ID = 'a'.repeat(64);
const PNG = Uint8Array.of(1, 2, 3, 255);

describe('pictures in a bucket', () => {
  let bucket: TestBucket;
  const results = (keepSeconds = 60, more: Record<string, string> = {}) =>
    new S3Results(s3Settings('s3://pictures/of/mine', { ...bucket.environment, ...more }), keepSeconds);

  before(async () => {
    bucket = await TestBucket.start();
  });
  after(() => bucket[Symbol.asyncDispose]());

  test('are put with their type, found, and too old after their time', async () => {
    assert.equal(await results().get(ID), undefined);
    await results().put(ID, PNG);
    const [path, stored] = [...bucket.objects][0]!;
    assert.deepEqual([path, stored.type], [`/pictures/of/mine/${ID}.png`, 'image/png']);
    assert.deepEqual(await results().get(ID), PNG);
    stored.put = new Date(Date.now() - 61_000);
    assert.equal(await results().get(ID), undefined);
    assert.deepEqual(await results(70).get(ID), PNG);
  });

  test('have addresses that need no key', async () => {
    await results().put(ID, PNG);
    const url = await results(3600).url(ID);
    assert.equal(new URL(url).searchParams.get('X-Amz-Expires'), '3600');
    const response = await fetch(url);
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'image/png']);
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), PNG);
    assert.equal((await fetch(url.replace('3600', '360000'))).status, 403);
    assert.equal((await fetch(url.split('?')[0]!)).status, 403);
    const longest = new URL(await results(2 ** 31).url(ID)).searchParams.get('X-Amz-Expires');
    assert.equal(longest, '604800');
  });

  test('a store that fails for a moment is asked again; one that is away, or refuses, is told from it', async () => {
    bucket.fails = 503;
    setTimeout(() => {
      bucket.fails = undefined;
    }, 20);
    await results().put(ID, PNG);
    bucket.fails = 500;
    await assert.rejects(results().get(ID), { name: 'ApiError', status: 503, code: 'results_unavailable' });
    bucket.fails = undefined;
    const wrong = results(60, { AWS_SECRET_ACCESS_KEY: 'another' });
    await assert.rejects(
      wrong.put(ID, PNG),
      /the store of pictures at http\S+\/pictures\/of\/mine answers 403/,
    );
    const nowhere = results(60, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' });
    await assert.rejects(nowhere.put(ID, PNG), { name: 'ApiError', status: 503 });
  });

  test('what is wrong with the settings is named', () => {
    const own = bucket.environment;
    for (const address of ['s3:', 's3://', 's3://B/x', 's3://bucket/a b', 's3://bucket?x=1'])
      assert.throws(
        () => s3Settings(address, own),
        /queue\.results is 's3.*as in s3:\/\/bucket\/prefix/,
        address,
      );
    assert.throws(
      () => s3Settings('s3://pictures', {}),
      /s3:\/\/pictures needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/,
    );
    assert.throws(
      () => s3Settings('s3://pictures', { ...own, AWS_ENDPOINT_URL_S3: 'minio:9000' }),
      /AWS_ENDPOINT_URL_S3 is 'minio:9000'; expected an address/,
    );
    const amazon = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_DEFAULT_REGION: 'eu-west-1' };
    assert.equal(s3Settings('s3://pictures/', amazon).address, 'https://s3.eu-west-1.amazonaws.com/pictures');
  });

  test('a server and a worker share it', { skip: NO_REDIS }, async () => {
    await using redis = await TestRedis.start();
    await using pipeline = await openTiny();
    Object.assign(process.env, bucket.environment);
    const failures: unknown[] = [];
    const queue = { url: redis.url, results: 's3://pictures', staleSeconds: 1 };
    const common = { queue, onError: (error: unknown) => void failures.push(error) };
    const server = await startServer(pipeline, { ...common, port: 0 });
    const worker = await startWorker(pipeline, common);
    const ask = (own: object) => postImages(server.address, { label: 1, steps: 1, seed: 3, ...own });
    try {
      const { data } = (await (await ask({ response_format: 'url' })).json()) as { data: { url: string }[] };
      const png = Buffer.from(await (await fetch(data[0]!.url)).arrayBuffer());
      assert.equal(decode(png).width, 8);
      assert.ok(data[0]!.url.startsWith(`${bucket.environment.AWS_ENDPOINT_URL_S3}pictures/`));
      const again = (await (await ask({})).json()) as { data: { b64_json: string }[] };
      assert.equal(again.data[0]!.b64_json, png.toString('base64'));
      bucket.fails = 500;
      const refused = await ask({ seed: 4 });
      assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
      assert.equal((await errorOf(refused)).code, 'results_unavailable');
    } finally {
      bucket.fails = undefined;
      await server.close();
      await worker.close();
      for (const name of Object.keys(bucket.environment)) delete process.env[name];
    }
    assert.deepEqual(failures, []);
  });
});
