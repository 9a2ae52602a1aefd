/** The examples that serve: they draw what the engine draws, and end when they are told to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { EMBEDDED_MODEL } from '../../src/embedded.js';
import { modelFolder } from '../../src/modelPackages.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { ended, start, startProgram, Workplace } from '../cli/run.js';
import { NO_REDIS, TestRedis } from './redis.js';
import { postImages } from './running.js';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

describe('examples/worker-thread', () => {
  test('draws in its thread', async () => {
    using place = new Workplace();
    const child = startProgram(`${examples}worker-thread/server.mjs`, [], place.folder, { PORT: '0' });
    const whole = ended(child);
    const [address] = (await once(child.stdout!, 'data')) as [string];
    const get = (query: string) => fetch(`${address.trim()}/digit.png?${query}`);
    const [drawn, refused] = await Promise.all([get('label=3&seed=5'), get('label=10')]);
    const { data } = decode(new Uint8Array(await drawn.arrayBuffer()));
    assert.equal(refused.status, 400);
    child.kill('SIGTERM');
    const { code, stderr } = await whole;
    assert.deepEqual([code, stderr], [0, '']);
    await using pipeline = await Pipeline.load(EMBEDDED_MODEL);
    const cache = { policy: 'taylorseer', period: 2 } as const;
    const { images } = await pipeline.generate({ labels: [3], seed: 5, steps: 20, cache });
    assert.deepEqual([...data], [...images[0]!.data]);
  });
});

describe('examples/server-queue', { skip: NO_REDIS }, () => {
  /** As compose.yaml has it, but for the model and the port. */
  const argumentsOf = (command: string) => {
    const text = readFileSync(`${examples}server-queue/compose.yaml`, 'utf8');
    const [, list] = new RegExp(`command: \\[(${command}, .*)\\]`).exec(text)!;
    const given = list!
      .split(', ')
      .map((each) => (each.endsWith('@incache/emoji') ? modelFolder('emoji')! : each));
    return command === 'serve' ? [...given, '--port', '0'] : given;
  };

  test('its commands draw together', async () => {
    using place = new Workplace();
    await using redis = await TestRedis.start();
    const queue = { INCACHE_QUEUE: redis.url };
    const token = 'my-own-token';
    const server = start(argumentsOf('serve'), place.folder, { ...queue, INCACHE_TOKEN: token });
    const worker = start(argumentsOf('work'), place.folder, queue);
    const [[address]] = await Promise.all([once(server.stdout!, 'data'), once(worker.stdout!, 'data')]);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const own = `http://127.0.0.1:${new URL(String(address)).port}`;
    const answer = await postImages(own, { prompt: 'fire', steps: 2, seed: 1 }, { headers });
    assert.equal(answer.status, 200, await answer.text());
    const both = [server, worker].map(ended);
    for (const child of [server, worker]) child.kill('SIGTERM');
    for (const { code, stderr } of await Promise.all(both)) assert.deepEqual([code, stderr], [0, '']);
  });
});
