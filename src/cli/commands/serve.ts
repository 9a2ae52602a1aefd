import { type Command, Option } from 'commander';
import { ArgumentError } from '../../errors.js';
import { addCacheFlags } from '../cacheFlags.js';
import { addDrawingFlags, type DrawingFlags, drawingOptions } from '../drawingFlags.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { decimal, integer } from '../parse.js';
import { loadServerPackage } from '../serverPackage.js';
import {
  addModelFlags,
  addOutputFlags,
  addVaeFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';

interface ServeFlags extends ModelFlags, OutputFlags, DrawingFlags {
  readonly host: string;
  readonly port: number;
  readonly name?: string;
  readonly token?: string;
  readonly tokens?: string;
  readonly cors?: string;
  readonly trustProxy?: string[];
  readonly maxQueue?: number;
  readonly maxImages?: number;
  readonly maxPixels?: number;
  readonly maxSteps?: number;
  readonly maxSeconds?: number;
}

const LIMITS = {
  maxQueue: 'queue',
  maxImages: 'images',
  maxPixels: 'pixels',
  maxSteps: 'steps',
  maxSeconds: 'seconds',
} as const satisfies Partial<Record<keyof ServeFlags, string>>;

export function register(program: Command): void {
  const command = program
    .command('serve')
    .description("Draw images for programs over HTTP, as OpenAI's images API does; a page to try it is at /.")
    .option('--host <address>', 'address to listen on; 0.0.0.0 for every machine', '127.0.0.1')
    .option('--port <n>', 'port; 0 for one that is free', integer('port', 0, 65535), 8188)
    .option('--name <name>', 'what requests call the model (default: the name of its file)')
    .addOption(new Option('--token <token>', 'bearer token that requests must have').env('INCACHE_TOKEN'))
    .option('--tokens <file>', 'bearer tokens, a line each: users are served in turn')
    .option('--cors <origin>', 'let the pages of this origin call the server, or * for all (default: none)')
    .option(
      '--trust-proxy <addresses...>',
      'proxies that tell whose requests they forward, as in loopback or 10.0.0.0/8 (default: none)',
    )
    .option(
      '--max-queue <n>',
      'images that wait, half of them of one user; then 429 (default: 256)',
      integer('max-queue', 1),
    )
    .option('--max-images <n>', 'images of a request (default: 10)', integer('max-images', 1))
    .option(
      '--max-pixels <n>',
      'pixels of an image (default: as many as the model was trained for)',
      integer('max-pixels', 1),
    )
    .option('--max-steps <n>', 'denoising steps (default: 100)', integer('max-steps', 1, 1000))
    .option(
      '--max-seconds <s>',
      'time from a request to its last image (default: 300)',
      decimal('max-seconds', 0.001),
    );
  addDrawingFlags(
    command,
    'have images drawn by workers (incache work) at this Redis, as in redis://host:6379',
  );
  addOutputFlags(addVaeFlags(addModelFlags(addCacheFlags(command)))).action(runServe);
}

async function runServe(flags: ServeFlags): Promise<void> {
  const { startServer, readTokens } = await loadServerPackage();
  const tokens = [
    ...(flags.token === undefined ? [] : [flags.token]),
    ...(flags.tokens === undefined ? [] : readTokens(flags.tokens)),
  ];
  requireNoBatches(flags);
  const options = drawingOptions(flags);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline({ keepTextEncoder: true, ...flags });
  const { host, port, name, cors, trustProxy } = flags;
  const server = await startServer(pipeline, {
    ...{ ...options, host, port, tokens, limits: limitsOf(flags) },
    ...(name !== undefined && { name }),
    ...(cors !== undefined && { cors }),
    ...(trustProxy && { trustProxy }),
  });
  process.stdout.write(
    flags.json ? `${JSON.stringify({ address: server.address })}\n` : `${server.address}\n`,
  );
  if (tokens.length === 0 && !isLoopback(host))
    note(`everybody who reaches ${host} may draw: no --token is given`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await server.close();
}

/** Batches are made where images are drawn. */
function requireNoBatches({ queue, batch, batchWindow }: ServeFlags): void {
  if (queue === undefined) return;
  for (const [name, value] of Object.entries({ batch, 'batch-window': batchWindow }))
    if (value !== undefined)
      throw new ArgumentError(name, value, 'no value, because workers make the batches: incache work has it');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function limitsOf(flags: ServeFlags): Record<string, number> {
  return Object.fromEntries(
    Object.entries(LIMITS).flatMap(([flag, name]) => {
      const value = flags[flag as keyof typeof LIMITS];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
