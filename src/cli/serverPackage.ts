/** The HTTP server, which is a package of its own: it has more packages beneath it than the engine. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { IncacheError } from '../errors.js';
import { packageFile } from '../packageFile.js';
import type { CacheOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { Recipe } from '../pipeline/recipe.js';

export const SERVER_PACKAGE = '@incache/server';

/** Where a checkout has it. */
export const BUILT_SERVER = packageFile('dist/server/src/index.js');

interface WorkerOptions {
  readonly cache: CacheOptions;
  readonly recipes: ReadonlyMap<string, Recipe>;
  readonly batching: { readonly size?: number; readonly window?: number };
  readonly graceSeconds?: number;
  readonly onError: (error: unknown) => void;
  readonly queue?: { readonly url: string; readonly results?: string; readonly keepSeconds?: number };
}

/** What the command line asks of it. */
export interface ServerPackage {
  startServer(
    pipeline: Pipeline,
    options: WorkerOptions & {
      readonly host: string;
      readonly port: number;
      readonly name?: string;
      readonly tokens: readonly string[];
      readonly trustProxy?: readonly string[];
      readonly cors?: string;
      readonly limits: Readonly<Record<string, number>>;
    },
  ): Promise<{ readonly address: string; close(): Promise<void> }>;
  startWorker(
    pipeline: Pipeline,
    options: WorkerOptions & { readonly queue: object },
  ): Promise<{ otherServers(): Promise<string[]>; close(): Promise<void> }>;
  readTokens(path: string): string[];
}

/**
 * The one that a checkout has built, else the one that is installed. Rejects with an `IncacheError` that says how to install it where
 * there is neither.
 */
export async function loadServerPackage(
  built = BUILT_SERVER,
  name: string = SERVER_PACKAGE,
): Promise<ServerPackage> {
  try {
    return await import(existsSync(built) ? pathToFileURL(built).href : name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new IncacheError(`incache serve needs the package ${name}: npm install ${name}`, { cause: error });
  }
}
