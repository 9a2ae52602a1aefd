/** Pictures in a bucket of a store in the manner of S3 (Amazon, MinIO, Ceph, R2): workers put them there, and clients may fetch them there. */
import { AwsClient } from 'aws4fetch';
import { ArgumentError, IncacheError } from 'incache';
import { ApiError } from '../apiError.js';
import type { Results } from './results.js';

/** Where pictures are, and as whom they are put and read. */
export interface S3Settings {
  /** Of all pictures, up to their names. */
  readonly address: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]+[a-z0-9])(?:\/([\w./-]*))?$/;
/** Seconds for which the protocol lets an address be valid at most. */
const MOST_VALID = 604_800;
/** Milliseconds for one request with its repetitions. */
const PATIENCE = 15_000;
const RETRY_AFTER = 5;

/** Whether pictures are kept in a bucket, and not in a folder. */
export function isS3(results: string): boolean {
  return results.startsWith('s3:');
}

/**
 * Of `s3://bucket/prefix`; keys, region and endpoint are those that the tools of Amazon take from the environment. Throws an
 * `ArgumentError` for another address, an `IncacheError` that names the variable which is missing or wrong.
 */
export function s3Settings(
  results: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): S3Settings {
  const [, bucket, prefix = ''] = ADDRESS.exec(results) ?? [];
  if (bucket === undefined)
    throw new ArgumentError('queue.results', results, 'a folder, or a bucket as in s3://bucket/prefix');
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_REGION: region = environment.AWS_DEFAULT_REGION ?? 'us-east-1',
    AWS_ENDPOINT_URL_S3: endpoint = environment.AWS_ENDPOINT_URL ?? `https://s3.${region}.amazonaws.com`,
  } = environment;
  if (!accessKeyId || !secretAccessKey)
    throw new IncacheError(`${results} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment`);
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint))
    throw new IncacheError(
      `AWS_ENDPOINT_URL_S3 is '${endpoint}'; expected an address as in https://host:9000`,
    );
  const folder = prefix.split('/').filter((part) => part !== '');
  const address = [endpoint.replace(/\/+$/, ''), bucket, ...folder].join('/');
  return { address, region, accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

export class S3Results implements Results {
  readonly kind = 's3';
  readonly #client: AwsClient;
  readonly #address: string;

  constructor(
    { address, ...settings }: S3Settings,
    readonly keepSeconds: number,
  ) {
    this.#client = new AwsClient({ ...settings, service: 's3', retries: 3 });
    this.#address = address;
  }

  async put(id: string, png: Uint8Array): Promise<void> {
    const headers = { 'content-type': 'image/png' };
    const response = await this.#ask(id, { method: 'PUT', body: Buffer.from(png), headers });
    await response.body?.cancel();
  }

  /** What is too old is as good as gone: the bucket removes it by a rule of its own. */
  async get(id: string): Promise<Uint8Array | undefined> {
    const response = await this.#ask(id, {});
    if (response.status !== 404 && !this.#isOld(response))
      return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
    return undefined;
  }

  async url(id: string): Promise<string> {
    const seconds = Math.min(MOST_VALID, this.keepSeconds);
    const url = `${this.#url(id)}?X-Amz-Expires=${seconds}`;
    return (await this.#client.sign(url, { aws: { signQuery: true } })).url;
  }

  #url(id: string): string {
    return `${this.#address}/${id}.png`;
  }

  /** By the clock of the store alone. */
  #isOld({ headers }: Response): boolean {
    const [now, put] = ['date', 'last-modified'].map((name) => Date.parse(headers.get(name) ?? ''));
    return now! - put! > 1000 * this.keepSeconds;
  }

  /** Rejects with an `ApiError` of status 503 where the store is away, and else with what it says. */
  async #ask(id: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#client.fetch(this.#url(id), { ...init, signal: AbortSignal.timeout(PATIENCE) });
    } catch (error) {
      throw away(error);
    }
    const isFound = init.method === undefined && response.status === 404;
    if (response.ok || isFound) return response;
    const told = `${response.status} ${(await response.text()).slice(0, 500)}`;
    throw response.status >= 500 || response.status === 429
      ? away(told)
      : new Error(`the store of pictures at ${this.#address} answers ${told}`);
  }
}

function away(cause: unknown): ApiError {
  return new ApiError(503, 'the store of pictures cannot be reached; try again in a few seconds', {
    ...{ code: 'results_unavailable', retryAfter: RETRY_AFTER, cause },
  });
}
