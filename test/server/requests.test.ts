/** What a server answers to requests that are not as they should be, and what it says of itself. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startServer } from '../../server/src/index.js';
import { ArgumentError } from '../../src/errors.js';
import { modelFolder } from '../../src/modelPackages.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { Recipe } from '../../src/pipeline/recipe.js';
import { errorOf, openTiny, postImages, sharedServer, statusWithHost } from './running.js';

describe('requests to a model of classes', () => {
  const server = sharedServer();

  const REFUSED: readonly (readonly [body: unknown, param: string | null, message: RegExp])[] = [
    [{}, 'label', /give either label or prompt/],
    [{ label: 1, prompt: '1' }, 'label', /give either/],
    [{ label: 4 }, 'label', /label is 4; expected an integer from 0 to 3/],
    [{ label: 1.5 }, 'label', /label/],
    [{ prompt: 'macaw' }, 'label', /'macaw'/],
    [{ label: 1, colour: 'red' }, 'colour', /unknown field 'colour'/],
    [{ label: 1, ['x'.repeat(1000)]: 1 }, `${'x'.repeat(57)}...`, /unknown field 'x{57}\.\.\.'/],
    [{ label: 1, size: '10000x10000' }, 'size', /at most 64 pixels; auto is 8x8/],
    [{ label: 1, size: '9x8' }, 'size', /at most 64 pixels/],
    [{ label: 1, size: '7x7' }, 'size', /multiple of 2 pixels/],
    [{ label: 1, size: '8' }, 'size', /size must match pattern/],
    [{ label: 1, steps: 1e9 }, 'steps', /steps must be <= 100/],
    [{ label: 1, steps: '5' }, 'steps', /steps must be integer/],
    [{ label: 1, n: 0 }, 'n', /n must be >= 1/],
    [{ label: 1, n: 11 }, 'n', /n must be <= 10/],
    [{ label: 1, seed: -1 }, 'seed', /seed must be >= 0/],
    [{ label: 1, seed: 2 ** 60 }, 'seed', /seed must be <= 9007199254740991/],
    [{ label: 1, guidance: 1e9 }, 'guidance', /guidance must be <= 50/],
    [{ label: 1, negative_prompt: 'x' }, 'negative_prompt', /the model takes labels/],
    [{ label: 1, policy: 'teacache' }, 'policy', /none, reuse, taylorseer/],
    [{ label: 1, period: 3 }, 'period', /policy reuse or taylorseer/],
    [{ label: 1, recipe: 'fast' }, 'recipe', /no recipe 'fast'; it has none/],
    [{ label: 1, recipe: 'fast', policy: 'reuse' }, 'recipe', /no value beside policy/],
    [{ label: 1, response_format: 'jpeg' }, 'response_format', /b64_json, url/],
    [{ label: 1, stream: 'yes' }, 'stream', /stream must be boolean/],
    [{ prompt: 'x'.repeat(5000) }, 'prompt', /4000 characters/],
    [[], null, /the body must be object/],
    ['"text"', null, /the body must be object/],
    ['null', null, /the body must be object/],
    ['{"label": 1', null, /./],
    ['{"label": 1, "__proto__": {"n": 2}}', null, /./],
    ['', null, /./],
  ];

  for (const [body, param, message] of REFUSED)
    test(`${JSON.stringify(body).slice(0, 60)} is refused`, async () => {
      const response = await server.draw(body);
      const error = await errorOf(response);
      assert.equal(response.status, 400, error.message);
      assert.equal(error.type, 'invalid_request_error');
      assert.match(error.message, message);
      assert.equal(error.param, param);
    });

  test('other models, methods, addresses and types of content are refused', async () => {
    const other = await server.draw({ label: 1, model: 'dall-e-2' });
    assert.equal(other.status, 404);
    assert.deepEqual((await errorOf(other)).code, 'model_not_found');
    assert.equal((await server.get('/v1/images/generations')).status, 404);
    assert.equal((await server.get('/%00')).status, 404);
    const form = await server.draw('label=1', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(form.status, 415);
    const { type, message } = await errorOf(form);
    assert.equal(type, 'invalid_request_error');
    assert.match(message, /content-type: application\/json/);
  });

  test('a prompt may be the name or number of a class, seeds are told', async () => {
    const { data, seed, size } = (await (await server.draw({ prompt: '2', steps: 2 })).json()) as never as {
      data: { b64_json: string }[];
      seed: number;
      size: string;
    };
    assert.equal(size, '8x8');
    const again = (await (await server.draw({ label: 2, steps: 2, seed })).json()) as { data: unknown };
    assert.deepEqual(again.data, data);
  });

  test('the OpenAPI document describes what there is', async () => {
    const document = (await (await server.get('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: never }> } }>>;
    };
    assert.match(document.openapi, /^3\.1/);
    const { requestBody } = document.paths['/v1/images/generations']!.post!;
    const schema: { properties: object } = requestBody!.content['application/json']!.schema;
    assert.ok('guidance' in schema.properties && 'prompt' in schema.properties);
    assert.deepEqual(Object.keys(document.paths).sort(), [
      ...['/health', '/metrics', '/v1/images/files/{name}', '/v1/images/generations', '/v1/models'],
      '/v1/models/{model}',
    ]);
  });

  test('a name of another machine that leads here is refused', async () => {
    const statusFor = (host: string) => statusWithHost(`${server.address}/health`, host);
    for (const host of ['rebound.example', 'rebound.example:8188', '127.0.0.1.example', 'localhost.example'])
      assert.equal(await statusFor(host), 403, host);
    for (const host of ['localhost', 'localhost:8188', '127.0.0.1:1', '[::1]:8188'])
      assert.equal(await statusFor(host), 200, host);
  });

  test('metrics count requests, images and batches', async () => {
    const before = await (await server.get('/metrics')).text();
    await server.draw({ label: 1, steps: 2, n: 2 });
    const after = await (await server.get('/metrics')).text();
    const numberOf = (text: string, name: string) =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    assert.equal(numberOf(after, 'incache_images_total') - numberOf(before, 'incache_images_total'), 2);
    const answered = 'incache_requests_total\\{route="/v1/images/generations",status="200"\\}';
    assert.equal(numberOf(after, answered) - numberOf(before, answered), 1);
    assert.equal(numberOf(after, 'incache_images_waiting'), 0);
  });

  test('the page is served, and no other site may call', async () => {
    const page = await server.get('/');
    assert.match(await page.text(), /<title>incache<\/title>/);
    const called = await server.get('/v1/models', { origin: 'https://elsewhere.example' });
    assert.equal(called.headers.get('access-control-allow-origin'), null);
  });
});

describe('requests to a model of prompts', () => {
  const server = sharedServer({}, () => Pipeline.load(modelFolder('emoji')!, { keepTextEncoder: true }));

  for (const [body, param] of [
    [{}, 'prompt'],
    [{ prompt: 'ghost', label: 3 }, 'label'],
    [{ prompt: 'ghost\0' }, 'prompt'],
    [{ prompt: '\ud800' }, 'prompt'],
    [{ prompt: 'ghost', size: '65x64' }, 'size'],
  ] as const)
    test(`${JSON.stringify(body)} is refused`, async () => {
      const response = await server.draw(body);
      assert.equal(response.status, 400);
      assert.equal((await errorOf(response)).param, param);
    });

  test('a negative prompt, another size and a prompt that is cut are drawn', async () => {
    const long = 'a red apple and '.repeat(100);
    const response = await server.draw({ prompt: long, negative_prompt: 'green', size: '64x32', steps: 1 });
    const { size } = (await response.json()) as { size: string };
    assert.deepEqual([response.status, size], [200, '64x32']);
  });
});

describe('tokens and origins', () => {
  const tokens = ['first-token', 'second-token'];
  const server = sharedServer({ tokens, cors: 'https://here.example' });
  const with_ = (authorization: string) => ({ authorization, 'content-type': 'application/json' });

  test('without a right one nothing is drawn or told', async () => {
    for (const authorization of [
      '',
      'Bearer',
      'Bearer wrong-token',
      'Basic first-token',
      'Bearer first-tokens',
    ]) {
      const refused = await server.draw({ label: 1, steps: 1 }, { headers: with_(authorization) });
      assert.equal(refused.status, 401, authorization);
      assert.equal((await errorOf(refused)).code, 'invalid_api_key');
    }
    assert.equal((await server.get('/v1/models')).status, 401);
    assert.equal((await server.get('/metrics')).status, 401);
    assert.equal((await server.get('/health')).status, 200);
    for (const token of tokens) {
      const drawn = await server.draw({ label: 1, steps: 1 }, { headers: with_(`Bearer ${token}`) });
      assert.equal(drawn.status, 200);
    }
  });

  test('pages of the one origin may call', async () => {
    const { headers, status } = await fetch(`${server.address}/v1/images/generations`, {
      method: 'OPTIONS',
      headers: { origin: 'https://here.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual([status, headers.get('access-control-allow-origin')], [204, 'https://here.example']);
  });
});

describe('options of a server', () => {
  test('are refused by name', async () => {
    await using pipeline = await openTiny();
    const refused = (options: object, argument: string) =>
      assert.rejects(
        startServer(pipeline, options),
        (error) => error instanceof ArgumentError && error.argument === argument,
      );
    await refused({ prot: 1 }, 'a name in options');
    await refused({ port: 70000 }, 'port');
    await refused({ tokens: ['short'] }, 'token');
    await refused({ limits: { step: 5 } }, 'a name in limits');
    await refused({ limits: { steps: 0 } }, 'limits.steps');
    await refused({ batching: { size: 1.5 } }, 'batching.size');
    await refused({ tokens: 'a-long-token' }, 'tokens');
    await refused({ host: 0 }, 'host');
    await refused({ trustProxy: 'loopback' }, 'trustProxy');
    for (const proxy of ['everybody', '10.0.0', '10.0.0.0/33', '10.0.0.0/0', '::1/129', '::1/', '', 1, true])
      await refused({ trustProxy: ['loopback', '10.0.0.0/8', '::1', proxy] }, 'trustProxy');
    await refused({ recipes: {} }, 'recipes');
  });

  test('a recipe of another model is refused before anybody waits', async () => {
    await using pipeline = await openTiny();
    const measured = { psnr: 30, macs: 0.5, time: 0.5, cacheBytes: 1, images: 1, seed: 0, batch: 1 };
    const recipe = new Recipe({
      info: {
        ...{ modelHash: '0'.repeat(64), sampler: 'ddim', steps: 4, guidanceScale: 1.5, createdBy: 'a test' },
        measured: { ...measured, backend: 'wasm', threads: 1, machine: 'a machine' },
      },
      parameters: { policy: 'reuse', period: 2 },
    });
    for (const options of [{ recipes: new Map([['fast', recipe]]) }, { cache: recipe.options }])
      await assert.rejects(startServer(pipeline, { port: 0, ...options }), /made for another model/);
  });

  test('a port that is taken is told', async () => {
    await using pipeline = await openTiny();
    const first = await startServer(pipeline, { port: 0 });
    try {
      const port = Number(new URL(first.address).port);
      const second = startServer(pipeline, { port });
      await assert.rejects(second, /cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/);
      assert.equal((await postImages(first.address, { label: 1, steps: 1 })).status, 200);
    } finally {
      await first.close();
    }
  });
});
