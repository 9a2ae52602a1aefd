/** A server behind a proxy: who asks, and where pictures are, as the proxy tells it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, holdBack, type Running, sharedServer, statusWithHost } from './running.js';

const limits = { queuePerUser: 1 };
const batching = { size: 1, window: 0 };
const forwarded = (from: string) => ({
  'content-type': 'application/json',
  'x-forwarded-for': from,
  'x-forwarded-host': 'images.example.org',
  'x-forwarded-proto': 'https',
});

/** Statuses of images for these addresses, asked for one after the other while an image for somebody else is drawn. */
async function statusesOf({ draw, get, pipeline }: Running, addresses: readonly string[]): Promise<number[]> {
  const held = holdBack(pipeline);
  const ask = (from: string) => draw({ label: 0, steps: 2 }, { headers: forwarded(from) });
  const waiting = async () => ((await (await get('/health')).json()) as { waiting: number }).waiting;
  const answers: Promise<Response>[] = [];
  let refused = 0;
  try {
    const first = ask('192.0.2.1');
    await eventually(() => held.batches.length === 1, 'the first is drawn');
    for (const address of addresses) {
      const answer = ask(address);
      answers.push(answer);
      void answer.then(({ status }) => {
        if (status === 429) refused++;
      });
      await eventually(
        async () => (await waiting()) + refused === answers.length,
        `the image for ${address} waits or is refused`,
      );
    }
    held.letGo();
    assert.equal((await first).status, 200);
    return await Promise.all(answers.map(async (answer) => (await answer).status));
  } finally {
    held.release();
  }
}

async function pictureUrl({ draw }: Running): Promise<string> {
  const body = { label: 0, steps: 2, response_format: 'url' };
  const response = await draw(body, { headers: forwarded('198.51.100.7') });
  const { data } = (await response.json()) as { data: { url: string }[] };
  return data[0]!.url;
}

describe('a server that trusts its proxy', () => {
  const server = sharedServer({ trustProxy: ['loopback', '203.0.113.0/24'], limits, batching });

  test('tells users apart by the address that was forwarded', async () => {
    const addresses = ['198.51.100.1', '198.51.100.2', '198.51.100.1'];
    assert.deepEqual(await statusesOf(server, addresses), [200, 200, 429]);
  });

  test('believes no address that a client has put before its own, and those of all trusted proxies', async () => {
    const addresses = ['192.0.2.9, 198.51.100.1', '192.0.2.10, 198.51.100.1', '198.51.100.1, 203.0.113.5'];
    assert.deepEqual(await statusesOf(server, addresses), [200, 429, 429]);
  });

  test('gives pictures the address that the proxy has', async () => {
    assert.match(
      await pictureUrl(server),
      /^https:\/\/images\.example\.org\/v1\/images\/files\/[\w-]+\.png$/,
    );
  });

  test('still refuses another name in Host, which a page in a browser of this machine could have', async () => {
    const url = `${server.address}/health`;
    const headers = { 'x-forwarded-host': 'localhost' };
    assert.equal(await statusWithHost(url, 'rebound.example', headers), 403);
    assert.equal(await statusWithHost(url, 'localhost', { 'x-forwarded-host': 'images.example.org' }), 200);
  });
});

describe('a server that trusts others', () => {
  const server = sharedServer({ trustProxy: ['10.0.0.0/8'], limits, batching });

  test('goes by the connection', async () => {
    assert.deepEqual(await statusesOf(server, ['198.51.100.1', '198.51.100.2']), [200, 429]);
    assert.ok((await pictureUrl(server)).startsWith(`${server.address}/`));
  });
});
