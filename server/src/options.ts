/** What a server may be told, checked and with its defaults filled in. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { ArgumentError, type CacheOptions, IncacheError, type Pipeline, type Recipe } from 'incache';
import { isS3, s3Settings } from './queue/s3Results.js';

/** What a request may ask for, and what the server holds at once. */
export interface ServerLimits {
  /** Images that wait. Default 256. */
  readonly queue?: number;
  /** Images of one user that wait. Default: half of the queue. */
  readonly queuePerUser?: number;
  /** Images of a request. Default 10. */
  readonly images?: number;
  /** Pixels of an image. Default: as many as the model was trained for, in any shape. */
  readonly pixels?: number;
  /** Denoising steps. Default 100. */
  readonly steps?: number;
  /** Guidance scale. Default 50. */
  readonly guidance?: number;
  /** Bytes of a request's body. Default 65536. */
  readonly bodyBytes?: number;
  /** Seconds from a request to its last image. Default 300. */
  readonly seconds?: number;
  /** Seconds in which a request must have arrived. Default 15. */
  readonly arrivalSeconds?: number;
  /** Seconds in which a client must have taken its answer. Default 60. */
  readonly deliverySeconds?: number;
}

export interface BatchingOptions {
  /** Images denoised together at most; rounded down to a power of two. Default 8. */
  readonly size?: number;
  /** Milliseconds that an idle server waits for more images after the first. Default 4. */
  readonly window?: number;
}

/** A queue in Redis or Valkey, through which servers and workers find each other. */
export interface QueueOptions {
  /** As in redis://host:6379. */
  readonly url: string;
  /**
   * A folder that all share, for pictures, or a bucket as in s3://bucket/prefix, with keys and endpoint from the environment as the tools
   * of Amazon take them. Default: they are in Redis.
   */
  readonly results?: string;
  /** Seconds for which a picture is kept. Default 3600. */
  readonly keepSeconds?: number;
  /** Seconds after which a worker that says nothing is given up, and an image that nobody asks for any more. Default 10. */
  readonly staleSeconds?: number;
}

export interface ServerOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** 0 for one that is free. Default 8188. */
  readonly port?: number;
  /** What the model is called in requests. Default: the name of its file or folder. */
  readonly name?: string;
  /** Bearer tokens, each of a user; without one everybody is served, and a user is an address. */
  readonly tokens?: readonly string[];
  /** Origin whose pages may call the server, or * for all. Default: none. */
  readonly cors?: string;
  /**
   * Proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are believed: addresses, ranges as in 10.0.0.0/8, or loopback, linklocal,
   * uniquelocal. Default: none.
   */
  readonly trustProxy?: readonly string[];
  /** Of requests that name neither a policy nor a recipe. */
  readonly cache?: CacheOptions;
  /** Recipes that requests may name. */
  readonly recipes?: ReadonlyMap<string, Recipe>;
  readonly limits?: ServerLimits;
  readonly batching?: BatchingOptions;
  /** Where workers take the images from, which the server then does not draw itself. */
  readonly queue?: QueueOptions;
  /** Seconds that images which are being drawn are given when the server is closed. Default 30. */
  readonly graceSeconds?: number;
  /** Told of what went wrong inside, which clients are not shown. */
  readonly onError?: (error: unknown) => void;
}

export interface WorkerOptions
  extends Pick<ServerOptions, 'cache' | 'recipes' | 'batching' | 'graceSeconds' | 'onError'> {
  readonly queue: QueueOptions;
}

export type ResolvedLimits = Required<ServerLimits>;

export interface ResolvedServerOptions
  extends Required<Omit<ServerOptions, 'cors' | 'limits' | 'batching' | 'name' | 'queue'>> {
  readonly cors: string | undefined;
  readonly limits: ResolvedLimits;
  readonly batching: Required<BatchingOptions>;
  readonly queue: ResolvedQueueOptions | undefined;
}

export interface ResolvedQueueOptions extends Required<Omit<QueueOptions, 'results'>> {
  readonly results: string | undefined;
}

const DEFAULT_LIMITS = {
  queue: 256,
  images: 10,
  steps: 100,
  guidance: 50,
  bodyBytes: 2 ** 16,
  seconds: 300,
  arrivalSeconds: 15,
  deliverySeconds: 60,
} as const satisfies Omit<ServerLimits, 'pixels' | 'queuePerUser'>;

const NAMES: readonly string[] = [
  'host',
  'port',
  'name',
  'tokens',
  'cors',
  'trustProxy',
  'cache',
  'recipes',
  'limits',
  'batching',
  'queue',
  'graceSeconds',
  'onError',
];

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Of options that are neither numbers nor groups of them: what they must be. */
const KINDS: readonly (readonly [keyof ServerOptions, (value: unknown) => boolean, expected: string])[] = [
  ['host', isText, 'an address or the name of a host'],
  ['name', isText, 'a name'],
  ['cors', isText, 'an origin, or * for all'],
  ['tokens', Array.isArray, 'a list of tokens'],
  ['trustProxy', Array.isArray, 'a list of addresses'],
  ['cache', isObject, 'an object of options'],
  ['recipes', (value) => value instanceof Map, 'a Map of recipes by name'],
  ['limits', isObject, 'an object of limits'],
  ['batching', isObject, 'an object of size and window'],
  ['queue', isObject, 'an object with a url'],
  ['onError', (value) => typeof value === 'function', 'a function'],
];

/** Throws an `ArgumentError` that names the option which is not what it must be. */
export function resolveServerOptions(
  options: ServerOptions,
  { network, decoder }: Pipeline,
): ResolvedServerOptions {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError('options', options, 'an object of options');
  requireNames('options', options, NAMES);
  for (const [name, isRight, expected] of KINDS) {
    const value = options[name];
    if (value !== undefined && !isRight(value)) throw new ArgumentError(name, value, expected);
  }
  const { host = '127.0.0.1', port = 8188, tokens = [], cors, trustProxy = [], graceSeconds = 30 } = options;
  requireNumber('port', port, 0, 65535, true);
  requireNumber('graceSeconds', graceSeconds, 0, 86400);
  for (const token of tokens) requireToken(token);
  for (const proxy of trustProxy) requireProxy(proxy);
  const { size = 8, window = 4 } = options.batching ?? {};
  requireNames('batching', options.batching ?? {}, ['size', 'window']);
  requireNumber('batching.size', size, 1, 1024, true);
  requireNumber('batching.window', window, 0, 1000);
  return {
    ...{ host, port, tokens, cors, trustProxy, graceSeconds },
    cache: options.cache ?? {},
    recipes: options.recipes ?? new Map(),
    limits: resolveLimits(
      options.limits ?? {},
      network.latents.height * network.latents.width * decoder.pixelsPerLatent ** 2,
    ),
    batching: { size: 2 ** Math.floor(Math.log2(size)), window },
    queue: options.queue && resolveQueue(options.queue),
    onError: options.onError ?? (() => {}),
  };
}

function resolveQueue(given: QueueOptions): ResolvedQueueOptions {
  requireNames('queue', given, ['url', 'results', 'keepSeconds', 'staleSeconds']);
  const { url, results, keepSeconds = 3600, staleSeconds = 10 } = given;
  // It may hold a password: it is not repeated.
  if (typeof url !== 'string' || !/^rediss?:\/\/\S+$/.test(url) || !URL.canParse(url))
    throw new ArgumentError('queue.url', '...', 'an address as in redis://host:6379');
  if (results !== undefined && !isText(results))
    throw new ArgumentError('queue.results', results, 'a folder or a bucket');
  // What is missing is said now, and not when the first picture is kept.
  if (results !== undefined && isS3(results)) s3Settings(results);
  requireNumber('queue.keepSeconds', keepSeconds, 1, 2 ** 31, true);
  requireNumber('queue.staleSeconds', staleSeconds, 0.1, 3600);
  return { url, results, keepSeconds, staleSeconds };
}

/** @param pixels of the model's own pictures */
function resolveLimits(given: ServerLimits, pixels: number): ResolvedLimits {
  const { queue = DEFAULT_LIMITS.queue } = given;
  const limits = {
    ...DEFAULT_LIMITS,
    pixels,
    queuePerUser: Math.ceil(queue / 2),
    ...given,
  };
  requireNames('limits', given, [...Object.keys(DEFAULT_LIMITS), 'pixels', 'queuePerUser']);
  for (const [name, value] of Object.entries(limits)) {
    const isWhole = !name.toLowerCase().endsWith('seconds') && name !== 'guidance';
    requireNumber(
      `limits.${name}`,
      value,
      isWhole ? 1 : Number.MIN_VALUE,
      isWhole ? 2 ** 31 : 86400,
      isWhole,
    );
  }
  return { ...limits, images: Math.min(limits.images, limits.queue, limits.queuePerUser) };
}

/** A token a line; empty lines are left out. Throws an `IncacheError` for a file that cannot be read or holds none. */
export function readTokens(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new IncacheError(`the tokens in ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (tokens.length === 0) throw new IncacheError(`${path} holds no token; expected one a line`);
  for (const token of tokens) requireToken(token);
  return tokens;
}

function requireToken(token: unknown): void {
  if (typeof token === 'string' && /^[\x21-\x7e]{8,512}$/.test(token)) return;
  throw new ArgumentError('token', '...', 'at least 8 printable characters of ASCII without spaces');
}

/** What Fastify takes beside addresses and their ranges. */
const RANGES: readonly unknown[] = ['loopback', 'linklocal', 'uniquelocal'];

function requireProxy(proxy: unknown): void {
  if (RANGES.includes(proxy)) return;
  const [, address = '', bits = '1'] =
    /^([^/]+)(?:\/(\d+))?$/.exec(typeof proxy === 'string' ? proxy : '') ?? [];
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)]!;
  if (Number(bits) >= 1 && Number(bits) <= most) return;
  throw new ArgumentError(
    'trustProxy',
    proxy,
    `an address, a range as in 10.0.0.0/8, or one of ${RANGES.join(', ')}`,
  );
}

function requireNames(argument: string, given: object, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new ArgumentError(`a name in ${argument}`, unknown, `one of ${names.join(', ')}`);
}

function requireNumber(name: string, value: unknown, least: number, most: number, isWhole = false): void {
  const isRight =
    typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value));
  if (!isRight)
    throw new ArgumentError(name, value, `${isWhole ? 'an integer' : 'a number'} from ${least} to ${most}`);
}
