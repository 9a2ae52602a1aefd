/** Requests by the schema and against it: none makes the server fail, and nothing is left of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bodies, sendBody } from './fuzzRequests.js';
import { sharedServer } from './running.js';

const RUNS = 500;

describe('fuzzed requests', () => {
  const server = sharedServer({ limits: { pixels: 1024 } });

  test('are answered in the form of the API', async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const status = await sendBody(server.address, body);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }),
      { numRuns: RUNS, seed: 7 },
    );
    assert.deepEqual(server.failures, []);
    // Of both kinds there are many, or the bodies would not be worth sending.
    for (const status of [200, 400])
      assert.ok(statuses.get(status)! > RUNS / 10, `${statuses.get(status)} of ${status}`);
    const health = (await (await server.get('/health')).json()) as object;
    assert.deepEqual(health, { status: 'ok', model: 'tiny', waiting: 0, drawing: 0 });
  });
});
