/** A server on a model of its own, and what tests ask of it. */
import { request } from 'node:http';
import { after, before } from 'node:test';
import { type RunningServer, type ServerOptions, startServer } from '../../server/src/index.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';

export interface Running {
  readonly pipeline: Pipeline;
  readonly address: string;
  /** Sends a body to the images API. */
  readonly draw: (body: unknown, init?: RequestInit) => Promise<Response>;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>;
}

/** One server for all tests of the suite it is called in. Errors inside are kept in `failures`. */
export function sharedServer(
  options: ServerOptions = {},
  open: () => Promise<Pipeline> = openTiny,
): Running & { readonly failures: unknown[] } {
  let pipeline: Pipeline;
  let server: RunningServer;
  const failures: unknown[] = [];
  before(async () => {
    pipeline = await open();
    server = await startServer(pipeline, { port: 0, onError: (error) => failures.push(error), ...options });
  });
  after(async () => {
    await server.close();
    await pipeline.dispose();
  });
  return {
    ...{ failures },
    get pipeline() {
      return pipeline;
    },
    get address() {
      return server.address;
    },
    draw: (body, init) => postImages(server.address, body, init),
    get: (path, headers = {}) => fetch(`${server.address}${path}`, { headers }),
  };
}

export function postImages(address: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(`${address}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
}

/** The status of a request whose `Host` is as it is given here, which `fetch` does not allow. */
export function statusWithHost(
  url: string,
  host: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { ...headers, host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

/** 3 classes, 8 x 8 pixels, random weights. */
export function openTiny(): Promise<Pipeline> {
  const path = writeTinyModel(`${temporaryFolder()}/tiny.safetensors`);
  return Pipeline.load(path, { backend: 'wasm', threads: 1 });
}

/** Lets runs of a pipeline wait until they are let go. */
export function holdBack(pipeline: Pipeline) {
  const { generate } = pipeline;
  const batches: number[] = [];
  let open = () => {};
  let gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  pipeline.generate = async (options, onStep) => {
    batches.push(options.perImage?.length ?? 1);
    await gate;
    return generate.call(pipeline, options, onStep);
  };
  return {
    /** Images of each run that has begun. */
    batches,
    /** Runs go on, also later ones. */
    letGo: () => open(),
    release: () => {
      open();
      gate = Promise.resolve();
      pipeline.generate = generate;
    },
  };
}

/** Resolves when `holds` does, and fails after seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it has not come to this: ${what}`);
}

export async function errorOf(response: Response): Promise<{
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}> {
  return ((await response.json()) as { error: never }).error;
}
