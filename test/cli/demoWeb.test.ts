/** `incache demo --web`: a server for this machine with the headers that threads need, and nothing but its own folders. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { startWebServer, type WebServer } from '../../src/cli/webServer.js';
import { ended, incache, start, Workplace } from './run.js';

/** The status of a path as it is, which `fetch` would have tidied. */
async function statusOf(address: string, path: string, method = 'GET'): Promise<number | undefined> {
  const { hostname, port } = new URL(address);
  const sent = request({ host: hostname, port, path, method }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

describe('demo --web', () => {
  let server: WebServer;
  before(async () => {
    server = await startWebServer({ port: 0, isolated: true });
  });
  after(() => server.close());

  test('serves page and model with the headers', async () => {
    for (const [path, type] of [
      ['', 'text/html'],
      ['style.css', 'text/css'],
      ['main.js', 'text/javascript'],
      ['models/digits/dit-digits.safetensors', 'application/octet-stream'],
    ] as const) {
      const response = await fetch(server.address + path);
      await response.arrayBuffer();
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get('content-type')!, new RegExp(`^${type}`));
      assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
      assert.equal(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
    }
  });

  for (const path of [
    '/nothing',
    '/models',
    '/../package.json',
    '/models/../package.json',
    '/%2e%2e/package.json',
    '/models/..%2fpackage.json',
    '/models//etc/passwd',
    '/incache/..\\package.json',
    '/%00',
    '/%',
  ])
    test(`has no ${path}`, async () => assert.equal(await statusOf(server.address, path), 404));

  test('takes no other methods', async () => assert.equal(await statusOf(server.address, '/', 'POST'), 405));

  test('says that a port is taken', async () => {
    using place = new Workplace();
    const { port } = new URL(server.address);
    const { code, stderr } = await incache(['demo', '--web', '--port', port], place.folder);
    // In a checkout without the bundle that comes first.
    assert.match(stderr, /^incache: (cannot listen on port \d+: .*EADDRINUSE|.*incache\.js is missing)/);
    assert.equal(code, 2);
  });

  test('ends when it is interrupted', async (context) => {
    using place = new Workplace();
    const child = start(['demo', '--web', '--port', '0', '--json'], place.folder);
    const run = ended(child);
    const first = await Promise.race([once(child.stdout!, 'data').then(String), run]);
    if (typeof first !== 'string') return context.skip('the bundle for browsers was not built');
    const { address } = JSON.parse(first);
    assert.equal((await fetch(address)).status, 200);
    child.kill('SIGINT');
    assert.equal((await run).code, 0);
  });
});
