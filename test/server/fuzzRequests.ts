/** Bodies by the schema of requests and against it, and what must hold of every answer to one. */
import assert from 'node:assert/strict';
import fc from 'fast-check';

/** Values that fit no field, or only some. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', 'auto', -1, 0, 1e9, 2 ** 53, -0, 1e308, [], {}, [1], { a: 1 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 2 }),
);

const FIELDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  prompt: fc.constantFrom('0', '1', ' 2 ', 'nothing'),
  label: fc.constantFrom<unknown>(0, 1, 2, 3, '1'),
  n: fc.integer({ min: 1, max: 2 }),
  size: fc.constantFrom('auto', '8x8', '16x8', '7x8', '10000x10000', '2x2'),
  response_format: fc.constantFrom('b64_json', 'url'),
  seed: fc.maxSafeNat(),
  steps: fc.integer({ min: 1, max: 2 }),
  guidance: fc.constantFrom(0, 1, 1.5, 4, 50),
  policy: fc.constantFrom('none', 'reuse', 'taylorseer'),
  period: fc.integer({ min: 1, max: 4 }),
  recipe: fc.constant('none such'),
  stream: fc.boolean(),
  partial_images: fc.integer({ min: 0, max: 3 }),
  negative_prompt: fc.constant('blurry'),
  model: fc.constantFrom('tiny', 'dall-e-2'),
  user: fc.string(),
  output_format: fc.constant('png'),
};

const bySchema = fc.record(FIELDS, { requiredKeys: [] });
const oneOdd = fc
  .tuple(fc.constantFrom(...Object.keys(FIELDS), 'colour', '__proto__', 'constructor'), odd)
  .map(
    ([name, value]) => JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(value) ?? 'null'}}`) as object,
  );
/** Such that nothing is wrong with them. */
const drawn = fc.record(
  {
    label: fc.constantFrom(0, 1, 2, '1'),
    steps: fc.constantFrom(1, 2),
    size: fc.constantFrom('auto', '8x8', '16x8'),
    ...Object.fromEntries(
      ['n', 'response_format', 'seed', 'guidance', 'policy', 'stream', 'partial_images', 'user'].map(
        (name) => [name, FIELDS[name]!],
      ),
    ),
  },
  { requiredKeys: ['label', 'steps'] },
);

/** Texts of bodies. */
export const bodies: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: bySchema.map((body) => JSON.stringify(body)) },
  {
    weight: 3,
    arbitrary: fc.tuple(drawn, oneOdd).map((parts) => JSON.stringify(Object.assign({}, ...parts))),
  },
  { weight: 2, arbitrary: drawn.map((body) => JSON.stringify(body)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc.tuple(drawn, fc.nat(200)).map(([body, cut]) => JSON.stringify(body).slice(0, cut)),
  },
);

const ALLOWED = new Set([200, 400, 404, 413, 429]);

/** Sends a body and returns the status. Fails for an answer of another form than the API's. */
export async function sendBody(address: string, body: string): Promise<number> {
  const response = await fetch(`${address}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const { status } = response;
  const text = await response.text();
  assert.ok(ALLOWED.has(status), `status ${status} for ${body}: ${text.slice(0, 500)}`);
  if (response.headers.get('content-type')!.startsWith('text/event-stream')) {
    assert.ok(!/"type":"server_error"/.test(text), `${body}: ${text.slice(0, 500)}`);
    return status;
  }
  const answer = JSON.parse(text) as { data?: unknown[]; error?: { message: unknown; type: unknown } };
  if (status === 200) assert.ok(answer.data!.length > 0, body);
  else assert.ok(typeof answer.error!.message === 'string' && typeof answer.error!.type === 'string', body);
  return status;
}
