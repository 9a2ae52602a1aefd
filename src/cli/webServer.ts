/** Serves the page of `examples/web` and the engine for browsers on this machine, with the headers that threads need. */
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { IncacheError } from '../errors.js';
import { modelFolder } from '../modelPackages.js';
import { packageFile } from '../packageFile.js';

/** What addresses begin with, and the folder of the package that is there. */
const FOLDERS = [
  ['/incache/', 'dist/browser'],
  ['/', 'examples/web'],
] as const;

const PACKAGED = ['digits', 'emoji'] as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.safetensors': 'application/octet-stream',
};

/** What addresses begin with, and the folder that is there. */
type Place = readonly [start: string, folder: string];

/** A page with these is cross-origin isolated, so that its threads may share memory. */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

export interface WebServer {
  readonly address: string;
  close(): Promise<void>;
}

export interface WebServerOptions {
  /** 0 for one that is free. */
  readonly port: number;
  /** Whether the headers that threads need are sent. */
  readonly isolated: boolean;
  /** Folders beside those of the package, by what their addresses begin with, as in `/name/`. */
  readonly folders?: Readonly<Record<string, string>>;
}

/** Listens on this machine only. Rejects with an `IncacheError` where the port is taken. */
export async function startWebServer({ port, isolated, folders = {} }: WebServerOptions): Promise<WebServer> {
  const places = [
    ...Object.entries(folders),
    ...PACKAGED.map(
      (name) => [`/models/${name}/`, modelFolder(name) ?? packageFile(`models/${name}`)] as const,
    ),
    ...FOLDERS.map(([start, folder]) => [start, packageFile(folder)] as const),
  ];
  const server = createServer((request, response) => answer(request, response, places, isolated));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new IncacheError(`cannot listen on port ${port}: ${error.message}`, { cause: error })),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: given } = server.address() as AddressInfo;
  return {
    address: `http://localhost:${given}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  places: readonly Place[],
  isolated: boolean,
): void {
  const file = fileOf(request.url ?? '/', places);
  const size = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
  if (file === undefined || !size?.isFile()) return refuse(response, 404);
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-length': size.size,
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    ...(isolated && ISOLATION),
  });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(status === 404 ? 'not found\n' : 'only GET and HEAD\n');
}

/** Nothing outside the folders can be named. */
function fileOf(url: string, places: readonly Place[]): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
  const [start, folder] = places.find(([prefix]) => path.startsWith(prefix))!;
  const inside = normalize(path.slice(start.length) || 'index.html');
  if (inside.startsWith('..') || inside.startsWith(sep) || inside.includes('\0')) return undefined;
  return join(folder, inside);
}
