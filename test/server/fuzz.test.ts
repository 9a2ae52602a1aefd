/** Requests by the schema and against it: none makes the server fail, and nothing is left of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { bodies, sendBody } from './fuzzRequests.js';
import { sharedServer } from './running.js';

/** `npm run fuzz -- --target requests` sends many more. */
const RUNS = Number(process.env.INCACHE_FUZZED_REQUESTS ?? 500);
/** Requests under way at once. */
const TOGETHER = 20;
const SEED = Number(process.env.INCACHE_FUZZ_SEED ?? 7);
/** Bytes that memory may grow by after the first tenth of the requests: the pictures that are kept for an hour, and some. */
const MOST_GROWTH = 96 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function usedHeap(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('fuzzed requests', () => {
  const server = sharedServer({ limits: { pixels: 1024 } });

  test('are answered in the form of the API', async () => {
    const statuses = new Map<number, number>();
    let sent = 0;
    let early = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(bodies, { minLength: TOGETHER, maxLength: TOGETHER }), async (all) => {
        for (const status of await Promise.all(all.map((body) => sendBody(server.address, body))))
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        sent += TOGETHER;
        early ||= sent >= RUNS / 10 ? usedHeap() : 0;
      }),
      { numRuns: Math.ceil(RUNS / TOGETHER), seed: SEED },
    );
    assert.deepEqual(server.failures, []);
    const growth = usedHeap() - early;
    assert.ok(growth < MOST_GROWTH, `the heap grew by ${growth} bytes`);
    // Of both kinds there are many, or the bodies would not be worth sending.
    for (const status of [200, 400])
      assert.ok(statuses.get(status)! > RUNS / 10, `${statuses.get(status)} of ${status}`);
    const health = (await (await server.get('/health')).json()) as object;
    assert.deepEqual(health, { status: 'ok', model: 'tiny', waiting: 0, drawing: 0 });
  });

  test('leave nothing in memory once they are answered', async () => {
    const draw = async (rounds: number) => {
      for (let i = 0; i < rounds; i++)
        await Promise.all(
          Array.from({ length: TOGETHER }, async () =>
            (await server.draw({ label: 1, steps: 1, stream: true })).text(),
          ),
        );
    };
    await draw(10);
    const before = usedHeap();
    await draw(20);
    const growth = (usedHeap() - before) / (20 * TOGETHER);
    // 500 to 1,000 as code is compiled; what a request is made of takes 13,000.
    assert.ok(growth < 5000, `${growth} bytes a request`);
  });
});
