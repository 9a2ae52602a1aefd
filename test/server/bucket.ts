/** A store in the manner of S3, in memory: one bucket, whose requests must be signed as the client's own signer signs them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { AwsV4Signer } from 'aws4fetch';

interface Stored {
  readonly type: string;
  readonly data: Buffer;
  put: Date;
}

const KEYS = { accessKeyId: 'an access key', secretAccessKey: 'a secret key' };
const REGION = 'eu-test-1';

export class TestBucket implements AsyncDisposable {
  /** By their paths. */
  readonly objects = new Map<string, Stored>();
  /** While it is set, all requests are answered with it. */
  fails: number | undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const data = Buffer.concat(await request.toArray());
      const status = this.fails ?? ((await isSigned(request)) ? 200 : 403);
      const path = request.url!.split('?')[0]!;
      const found = this.objects.get(path);
      if (status !== 200) return response.writeHead(status).end('<Error/>');
      if (request.method === 'PUT') {
        this.objects.set(path, { type: request.headers['content-type'] ?? '', data, put: new Date() });
        return response.end();
      }
      if (!found) return response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
      return response
        .writeHead(200, { 'content-type': found.type, 'last-modified': found.put.toUTCString() })
        .end(found.data);
    });
  }

  static async start(): Promise<TestBucket> {
    const bucket = new TestBucket();
    bucket.#server.listen(0, '127.0.0.1');
    await once(bucket.#server, 'listening');
    return bucket;
  }

  get environment(): Record<string, string> {
    const { port } = this.#server.address() as { port: number };
    return {
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}/`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Signs what has come once more and compares: in headers, or in the address. */
async function isSigned({ url, method, headers }: IncomingMessage): Promise<boolean> {
  const given = new URL(url!, `http://${headers.host}`);
  const own = { ...KEYS, service: 's3', region: REGION, method: method! };
  const signature = given.searchParams.get('X-Amz-Signature');
  if (signature !== null) {
    const datetime = given.searchParams.get('X-Amz-Date')!;
    const unsigned = new URL(given);
    for (const name of [...given.searchParams.keys()])
      if (name !== 'X-Amz-Expires') unsigned.searchParams.delete(name);
    const signed = await new AwsV4Signer({ ...own, url: unsigned.href, datetime, signQuery: true }).sign();
    return signed.url.searchParams.get('X-Amz-Signature') === signature;
  }
  const datetime = headers['x-amz-date'] as string | undefined;
  if (datetime === undefined) return false;
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
  assert.ok(names.includes('x-amz-content-sha256'));
  const kept = Object.fromEntries(
    Object.entries(headers).filter(([name]) => names.includes(name) && name !== 'host'),
  ) as Record<string, string>;
  const signed = await new AwsV4Signer({ ...own, url: given.href, headers: kept, datetime }).sign();
  return signed.headers.get('authorization') === headers.authorization;
}
