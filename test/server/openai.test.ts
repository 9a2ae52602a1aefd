/** The official client of OpenAI's API draws with the model of emoji, and gets what the engine draws by itself. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'fast-png';
import OpenAI from 'openai';
import { modelFolder } from '../../src/modelPackages.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { sharedServer } from './running.js';

const TOKEN = 'sk-a-token-of-tests';
/** Fields of ours go beside those that the client knows. */
const OWN = { steps: 2, seed: 5, guidance: 3 } as const;

const pixelsOf = (b64: string | undefined) => decode(Buffer.from(b64!, 'base64'));

describe('the client of OpenAI', () => {
  const server = sharedServer({ tokens: [TOKEN] }, () =>
    Pipeline.load(modelFolder('emoji')!, { keepTextEncoder: true }),
  );
  const client = (apiKey = TOKEN) => new OpenAI({ baseURL: `${server.address}/v1`, apiKey, maxRetries: 0 });

  test('draws images, those that the engine draws of the same seed', async () => {
    const prompt = 'a red apple, noto';
    const request = { prompt, n: 2, size: '64x64' as never, ...OWN };
    const { data, created, size } = await client().images.generate(request);
    assert.ok(Math.abs(created - Date.now() / 1000) < 60);
    assert.equal(size, '64x64');
    const { images } = await server.pipeline.generate({
      ...{ prompts: [prompt, prompt], steps: 2, seed: 5, guidanceScale: 3 },
    });
    assert.equal(data!.length, 2);
    for (const [i, { b64_json }] of data!.entries()) {
      const { width, height, data: pixels } = pixelsOf(b64_json);
      assert.deepEqual([width, height], [64, 64]);
      assert.ok(Buffer.compare(images[i]!.data, pixels as Uint8Array) === 0, `image ${i} differs`);
    }
  });

  test('is given addresses of pictures', async () => {
    const { data } = await client().images.generate({ prompt: 'ghost', response_format: 'url', ...OWN });
    const response = await fetch(data![0]!.url!);
    assert.equal(response.headers.get('content-type'), 'image/png');
    assert.equal(decode(new Uint8Array(await response.arrayBuffer())).width, 64);
    assert.equal((await server.get(`/v1/images/files/${'0'.repeat(32)}.png`)).status, 404);
  });

  test('follows a stream of progress, previews and images', async () => {
    const stream = await client().images.generate({
      ...{ prompt: 'robot', n: 2, ...OWN, steps: 4 },
      ...{ stream: true, partial_images: 2 },
    });
    const seen: Record<string, number> = {};
    for await (const event of stream) {
      seen[event.type] = (seen[event.type] ?? 0) + 1;
      if (event.type === 'image_generation.partial_image') assert.equal(pixelsOf(event.b64_json).width, 16);
      if (event.type === 'image_generation.completed') assert.equal(pixelsOf(event.b64_json).width, 64);
    }
    assert.deepEqual(seen, {
      'image_generation.progress': 8,
      'image_generation.partial_image': 4,
      'image_generation.completed': 2,
    });
  });

  test('lists the model', async () => {
    const models = [];
    for await (const model of client().models.list()) models.push(model.id);
    assert.deepEqual(models, ['emoji']);
    assert.equal((await client().models.retrieve('emoji')).owned_by, 'incache');
    await assert.rejects(client().models.retrieve('other'), OpenAI.NotFoundError);
  });

  test('has its errors told as it knows them', async () => {
    await assert.rejects(
      client('sk-wrong-token').images.generate({ prompt: 'ghost' }),
      OpenAI.AuthenticationError,
    );
    await assert.rejects(
      client().images.generate({ prompt: 'ghost', model: 'dall-e-3' }),
      (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found',
    );
    await assert.rejects(
      client().images.generate({ prompt: 'ghost', stps: 3 } as never),
      (error) => error instanceof OpenAI.BadRequestError && error.param === 'stps',
    );
  });
});
