/** Requests that differ in label, seed and guidance alone share a batch, and get the images that they get alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'fast-png';
import { Batcher } from '../../server/src/batcher.js';
import { drawBatch, type Row } from '../../server/src/drawBatch.js';
import type { Drawing, ImageStep } from '../../server/src/drawing.js';
import { FairQueue } from '../../server/src/fairQueue.js';
import { IncacheError } from '../../src/errors.js';
import { Picture } from '../../src/pipeline/picture.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { SampleResult, SampleStep } from '../../src/pipeline/result.js';
import { errorOf, eventually, holdBack, openTiny, sharedServer } from './running.js';

interface Answer {
  readonly data: readonly { readonly b64_json: string }[];
  readonly seed: number;
}

describe('batches', () => {
  const server = sharedServer({ batching: { size: 4, window: 30 } });
  const images = async (response: Response) =>
    ((await response.json()) as Answer).data.map((each) => each.b64_json);

  test('an image has the same bits whatever it shares its batch with', async () => {
    const requests = Array.from({ length: 8 }, (_, i) => ({
      ...{ label: i % 3, seed: 10 + (i % 2), n: 1 + (i % 2), steps: 3, guidance: 1.5 + (i % 4) },
      ...(i > 5 && { policy: 'reuse' }),
    }));
    const together = await Promise.all(requests.map(async (body) => images(await server.draw(body))));
    for (const [i, body] of requests.entries()) {
      assert.deepEqual(await images(await server.draw(body)), together[i], `request ${i}`);
      const { images: own } = await server.pipeline.generate({
        ...{
          labels: Array(body.n).fill(body.label),
          seed: body.seed,
          steps: 3,
          guidanceScale: body.guidance,
        },
        cache: { policy: i > 5 ? 'reuse' : 'none' },
      });
      const pixels = together[i]!.map((png) => decode(Buffer.from(png, 'base64')).data);
      assert.deepEqual(
        pixels.map((each) => [...each]),
        own.map(({ data }) => [...data]),
        `request ${i}`,
      );
    }
  });

  test('those that wait are drawn together, with what differs in its plans apart', async () => {
    const held = holdBack(server.pipeline);
    try {
      const first = server.draw({ label: 0, steps: 2 });
      await eventually(() => held.batches.length === 1, 'the first is drawn');
      const others = [
        ...[0, 1, 2, 1, 0].map((label) => server.draw({ label, steps: 2, seed: label, guidance: 3 })),
        server.draw({ label: 0, steps: 3 }),
        server.draw({ label: 0, steps: 2, guidance: 1 }),
        server.draw({ label: 0, steps: 2, policy: 'taylorseer' }),
      ];
      const waiting = async () =>
        ((await (await server.get('/health')).json()) as { waiting: number }).waiting;
      await eventually(async () => (await waiting()) === others.length, 'the others wait');
      held.letGo();
      for (const response of await Promise.all([first, ...others])) assert.equal(response.status, 200);
      assert.deepEqual(held.batches.slice(0, 2), [1, 4]);
      assert.deepEqual(held.batches.slice(2).sort(), [1, 1, 1, 1]);
    } finally {
      held.release();
    }
  });

  test('an image that fails does not fail the others of its batch', async () => {
    const held = holdBack(server.pipeline);
    held.release();
    const { generate } = server.pipeline;
    let failed = 0;
    server.pipeline.generate = async (options, onStep) => {
      if (options.perImage!.some(({ seed }) => seed === 666)) {
        failed++;
        throw new Error('a defect');
      }
      return generate.call(server.pipeline, options, onStep);
    };
    try {
      const seeds = [1, 666, 2, 3];
      const responses = await Promise.all(seeds.map((seed) => server.draw({ label: 0, steps: 2, seed })));
      assert.deepEqual(
        responses.map(({ status }) => status),
        [200, 500, 200, 200],
      );
      const error = await errorOf(responses[1]!);
      assert.equal(error.type, 'server_error');
      assert.doesNotMatch(error.message, /defect/);
      assert.match(String(server.failures.at(-1)), /a defect/);
      assert.equal(failed, 2);
    } finally {
      server.pipeline.generate = generate;
      server.failures.length = 0;
    }
  });

  test('what no request has caused is in the log, not in the answer', async () => {
    const { generate } = server.pipeline;
    server.pipeline.generate = async () => {
      throw new IncacheError('cannot read /srv/model/text_encoder');
    };
    try {
      const response = await server.draw({ label: 0, steps: 2 });
      assert.equal(response.status, 500);
      assert.doesNotMatch((await errorOf(response)).message, /srv/);
      assert.match(String(server.failures.at(-1)), /cannot read/);
    } finally {
      server.pipeline.generate = generate;
      server.failures.length = 0;
    }
  });
});

describe('a drawing that has ended', () => {
  const drawingOf = (images: number, own: Partial<Drawing> = {}): Drawing => ({
    ...{ user: 'a', key: 'k', previews: 0, options: {}, choice: {} },
    signal: new AbortController().signal,
    images: Array.from({ length: images }, (_, image) => ({ seed: 1, image, guidanceScale: 2, label: 0 })),
    ...own,
  });
  const batcherOf = (generate: Pipeline['generate']) =>
    new Batcher({ generate } as Pipeline, {
      ...{ limits: { queue: 9, queuePerUser: 9 }, batching: { size: 2, window: 0 } },
      encoder: { encode: async () => new Uint8Array(1) },
    });
  const picture = new Picture(1, 1, 1, new Uint8Array(1));

  test('is told nothing more, though its batch is drawn for others', async () => {
    const told: string[] = [];
    const leaving = new AbortController();
    const batcher = batcherOf(async (_, onStep) => {
      const step = { index: 0, steps: 2, batches: 1 } as SampleStep;
      onStep?.(step);
      leaving.abort(new Error('it leaves'));
      onStep?.(step);
      return { images: [picture, picture], report: { milliseconds: 1 } } as unknown as SampleResult;
    });
    const telling = (who: string) => ({
      ...{ user: who, onStep: () => told.push(`${who} step`), onImage: () => told.push(`${who} image`) },
    });
    const gone = batcher.draw(drawingOf(1, { ...telling('gone'), signal: leaving.signal }));
    const stays = batcher.draw(drawingOf(1, telling('stays')));
    await assert.rejects(gone, /it leaves/);
    assert.equal((await stays).length, 1);
    assert.deepEqual(told, ['gone step', 'stays step', 'stays step', 'stays image']);
  });

  test('where an image has failed, its others are not drawn by themselves', async () => {
    const drawn: number[][] = [];
    const batcher = batcherOf(async ({ perImage = [] }) => {
      drawn.push(perImage.map(({ image }) => image!));
      throw new Error('a defect');
    });
    await assert.rejects(batcher.draw(drawingOf(2)), /a defect/);
    await eventually(async () => (await batcher.counts()).drawing === 0, 'nothing is drawn');
    assert.deepEqual(drawn, [[0, 1], [0]]);
  });
});

describe('policies that decide while they run', () => {
  const server = sharedServer({}, openTiny);

  test('an image is the same whatever is drawn beside it, and is told its own steps', async () => {
    const drawing = { seed: 5, guidanceScale: 2, label: 1 };
    const rows = [3, 4].map((image) => {
      const told: ImageStep[] = [];
      const row: Row = {
        drawing: {
          ...{ user: 'a', key: 'k', choice: {}, previews: 3, signal: new AbortController().signal },
          images: [{ ...drawing, image }],
          options: { steps: 4, cache: { policy: 'teacache', threshold: 0.3 } },
          onStep: (_, step) => told.push(step),
        },
        place: 0,
      };
      return { row, told };
    });
    const draw = (some: typeof rows) =>
      drawBatch(
        server.pipeline,
        some.map(({ row }) => row),
        new AbortController().signal,
      );
    const { pictures } = await draw(rows);
    const previews = rows.map(({ told }) => told.splice(0));
    for (const [i, own] of rows.entries()) {
      const alone = await draw([own]);
      assert.deepEqual(pictures[i], alone.pictures[0]);
      assert.deepEqual(previews[i], own.told);
      assert.deepEqual(
        own.told.map(({ index, preview }) => [index, preview?.number]),
        [0, 1, 2, 3].map((index) => [index, index < 3 ? index : undefined]),
      );
    }
  });
});

describe('the queue', () => {
  const queueOf = (...items: readonly [user: string, key: string][]) => {
    const queue = new FairQueue<{ user: string; key: string; place: number }>();
    for (const [place, [user, key]] of items.entries()) queue.add({ user, key, place });
    return queue;
  };
  const places = (items: readonly { readonly place: number }[]) => items.map(({ place }) => place);

  test('serves users in turn, one item each', () => {
    const queue = queueOf(['a', 'k'], ['a', 'k'], ['a', 'k'], ['b', 'k'], ['c', 'k']);
    assert.equal(queue.ready, 5);
    assert.deepEqual(places(queue.take(() => 4)), [0, 3, 4, 1]);
    assert.equal(queue.length, 1);
    assert.equal(queue.lengthOf('b'), 0);
    queue.add({ user: 'b', key: 'k', place: 5 });
    queue.add({ user: 'a', key: 'k', place: 6 });
    assert.deepEqual(places(queue.take(() => 2)), [2, 5]);
    assert.deepEqual(places(queue.take(() => 9)), [6]);
    assert.deepEqual(
      queue.take(() => 9),
      [],
    );
  });

  test('a user with much of one kind keeps none of another kind waiting for long', () => {
    const queue = queueOf(['a', 'k'], ['a', 'k'], ['a', 'k'], ['a', 'k'], ['b', 'other']);
    assert.deepEqual(places(queue.take(() => 2)), [0, 1]);
    assert.deepEqual(places(queue.take(() => 2)), [4]);
    assert.deepEqual(places(queue.take(() => 2)), [2, 3]);
  });

  test('gives out what is removed no more', () => {
    const queue = queueOf(['a', 'k'], ['b', 'k'], ['a', 'k']);
    assert.deepEqual(places(queue.remove(({ user }) => user === 'a')), [0, 2]);
    assert.equal(queue.length, 1);
    assert.deepEqual(places(queue.take(() => 9)), [1]);
    assert.equal(queue.length, 0);
  });
});
