/** What clients may not do: take too much, send without end, never read, or leave without their images being given up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { startServer } from '../../server/src/index.js';
import { PictureFlood } from './pictureFlood.js';
import { errorOf, eventually, holdBack, openTiny, postImages, sharedServer } from './running.js';

describe('limits', () => {
  const server = sharedServer({
    limits: {
      queue: 6,
      queuePerUser: 4,
      images: 3,
      pixels: 64,
      bodyBytes: 2000,
      seconds: 20,
      arrivalSeconds: 0.5,
      deliverySeconds: 0.5,
    },
    batching: { size: 1, window: 0 },
  });
  const health = async () =>
    (await (await server.get('/health')).json()) as { waiting: number; drawing: number };
  const waiting = async () => (await health()).waiting;

  test('a full queue refuses with the time after which to try again', async () => {
    const held = holdBack(server.pipeline);
    try {
      const first = server.draw({ label: 0, steps: 2 });
      await eventually(() => held.batches.length === 1, 'the first is drawn');
      const second = server.draw({ label: 0, steps: 2, n: 3 });
      await eventually(async () => (await waiting()) === 3, 'three wait');
      const refused = await server.draw({ label: 0, steps: 2, n: 2 });
      assert.equal(refused.status, 429);
      assert.ok(Number(refused.headers.get('retry-after')) >= 1);
      assert.deepEqual((await errorOf(refused)).code, 'rate_limit_exceeded');
      const stream = await server.draw({ label: 0, steps: 2, n: 2, stream: true });
      assert.equal(stream.status, 429);
      held.letGo();
      assert.equal((await first).status, 200);
      assert.equal((await second).status, 200);
    } finally {
      held.release();
    }
  });

  test('a stream answers before its first event', async () => {
    const held = holdBack(server.pipeline);
    try {
      const stream = await server.draw({ label: 0, steps: 2, stream: true });
      assert.equal(stream.status, 200);
      assert.equal((await health()).waiting + held.batches.length, 1, 'nothing has been drawn');
      held.letGo();
      assert.match(await stream.text(), /completed/);
    } finally {
      held.release();
    }
  });

  test('a client that leaves takes its images out of the queue, and ends the run that is its alone', async () => {
    const held = holdBack(server.pipeline);
    try {
      const leave = new AbortController();
      const one = server.draw({ label: 0, steps: 50 }, { signal: leave.signal });
      await eventually(() => held.batches.length === 1, 'it is drawn');
      const other = server.draw({ label: 1, steps: 50, n: 2 }, { signal: leave.signal });
      await eventually(async () => (await waiting()) === 2, 'it waits');
      leave.abort();
      await assert.rejects(one);
      await assert.rejects(other);
      await eventually(async () => (await waiting()) === 0, 'nothing waits');
      held.letGo();
      await eventually(async () => (await health()).drawing === 0, 'nothing is drawn');
      assert.equal(held.batches.length, 1);
    } finally {
      held.release();
    }
  });

  test('a body that is too large is refused, whatever it says of its length', async () => {
    for (const megabytes of [0.003, 10]) {
      const refused = await server.draw({ prompt: 'x'.repeat(megabytes * 1e6) });
      assert.equal(refused.status, 413, `${megabytes} MB`);
      assert.equal((await errorOf(refused)).type, 'invalid_request_error');
    }
  });

  test('a body that never ends is cut off', async () => {
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
    socket.write(
      'POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n',
    );
    socket.write('transfer-encoding: chunked\r\n\r\n');
    const drip = setInterval(() => socket.write('1\r\n \r\n'), 50);
    try {
      assert.match(await ended(socket), /^HTTP\/1.1 408 /);
    } finally {
      clearInterval(drip);
      socket.destroy();
    }
  });

  test('a connection over which nothing comes is ended, one that waits for its images is not', async () => {
    const held = holdBack(server.pipeline);
    try {
      const drawn = server.draw({ label: 0, steps: 2 });
      assert.equal(await ended(connect(Number(new URL(server.address).port), '127.0.0.1')), '');
      held.letGo();
      assert.equal((await drawn).status, 200);
    } finally {
      held.release();
    }
  });

  test('a client that reads nothing loses its connection, and the server no memory', async () => {
    using flood = new PictureFlood(server.pipeline);
    const socket = connect({ port: Number(new URL(server.address).port), host: '127.0.0.1' });
    const body = JSON.stringify({ label: 0, steps: 2 });
    socket.pause();
    socket.on('error', () => {});
    socket.write(
      `POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    // Takes in the beginning of the answer, and no more.
    await once(socket, 'readable');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const bytes = (await ended(socket)).length;
    assert.ok(bytes > 0 && bytes < flood.bytes, `${bytes} bytes, and then its connection ended`);
  });
});

describe('time', () => {
  const server = sharedServer({ limits: { seconds: 0.2 } });

  test('images that take too long are given up', async () => {
    const held = holdBack(server.pipeline);
    try {
      const refused = await server.draw({ label: 0, steps: 2 });
      assert.equal(refused.status, 504);
      assert.equal((await errorOf(refused)).code, 'timeout');
      const stream = await server.draw({ label: 0, steps: 2, stream: true });
      assert.match(await stream.text(), /^: accepted\n\nevent: error\ndata: .*"code":"timeout"/);
    } finally {
      held.release();
    }
  });
});

describe('closing', () => {
  test('draws what it has, takes no more, and gives up what is not done in time', async () => {
    await using pipeline = await openTiny();
    const server = await startServer(pipeline, { port: 0, graceSeconds: 0.3 });
    const held = holdBack(pipeline);
    const stuck = postImages(server.address, { label: 0, steps: 2 });
    await eventually(() => held.batches.length === 1, 'it is drawn');
    const closed = server.close();
    const response = await stuck;
    assert.equal(response.status, 503);
    assert.equal((await errorOf(response)).code, 'closing');
    held.release();
    await closed;
    await assert.rejects(postImages(server.address, { label: 0 }));
  });

  test('answers what it has accepted', async () => {
    await using pipeline = await openTiny();
    const server = await startServer(pipeline, { port: 0 });
    const held = holdBack(pipeline);
    const drawn = postImages(server.address, { label: 0, steps: 2 });
    await eventually(() => held.batches.length === 1, 'it is drawn');
    const closed = server.close();
    setTimeout(() => held.release(), 50);
    assert.equal((await drawn).status, 200);
    await closed;
  });
});

describe('what is left of a request', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  test('a client that has left keeps no timer, which would keep the process, and is no failure of the server', async () => {
    await using pipeline = await openTiny();
    const failures: unknown[] = [];
    const server = await startServer(pipeline, { port: 0, onError: (error) => failures.push(error) });
    const before = timers();
    for (const stream of [false, true]) {
      const held = holdBack(pipeline);
      const leave = new AbortController();
      const drawn = postImages(server.address, { label: 0, steps: 2, stream }, { signal: leave.signal });
      await eventually(() => held.batches.length === 1, 'it is drawn');
      leave.abort();
      await assert.rejects(drawn.then((response) => response.text()));
      held.release();
    }
    await server.close();
    await eventually(() => timers() <= before, 'no timer is left');
    assert.deepEqual(failures, []);
  });

  test('a stream that has ended does not keep the server from closing', async () => {
    await using pipeline = await openTiny();
    const server = await startServer(pipeline, { port: 0 });
    const held = holdBack(pipeline);
    const drawn = postImages(server.address, { label: 0, steps: 2, stream: true });
    await eventually(() => held.batches.length === 1, 'it is drawn');
    const started = performance.now();
    const closed = server.close();
    held.release();
    assert.match(await (await drawn).text(), /image_generation\.completed/);
    await closed;
    assert.ok(performance.now() - started < 3000, `${performance.now() - started} ms`);
  });
});

function ended(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket
      .on('error', () => {})
      .on('close', () => resolve(text))
      .resume();
  });
}
