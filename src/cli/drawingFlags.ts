/** Options of the processes that draw for others: `serve` and `work`. */
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { ArgumentError } from '../errors.js';
import { Recipe } from '../pipeline/recipe.js';
import { type CacheFlags, cacheOptions } from './cacheFlags.js';
import { oneLine } from './exit.js';
import { decimal, integer } from './parse.js';
import { addTextEncoderFlags } from './textFlags.js';

export interface DrawingFlags extends CacheFlags {
  readonly recipes?: string[];
  readonly batch?: number;
  readonly batchWindow?: number;
  readonly grace?: number;
  readonly queue?: string;
  readonly results?: string;
  readonly keepPictures?: number;
}

/** @param queueText what the queue is for */
export function addDrawingFlags(command: Command, queueText: string): Command {
  command
    .option('--recipes <files...>', 'recipes that requests may name, made by incache tune')
    .option('--batch <n>', 'images denoised together at most (default: 8)', integer('batch', 1, 1024))
    .option(
      '--batch-window <ms>',
      'wait of an idle process for more images (default: 4)',
      decimal('batch-window', 0, 1000),
    )
    .option(
      '--grace <s>',
      'seconds to finish drawing after SIGTERM or Ctrl-C (default: 30)',
      decimal('grace', 0, 86400),
    )
    .addOption(new Option('--queue <url>', queueText).env('INCACHE_QUEUE'))
    .option(
      '--results <place>',
      'with a queue: a folder that all share, or s3://bucket/prefix, for pictures (default: in Redis)',
    )
    .option(
      '--keep-pictures <s>',
      'with a queue: seconds for which pictures are kept (default: 3600)',
      integer('keep-pictures', 1),
    );
  return addTextEncoderFlags(command).option(
    '--no-keep-text-encoder',
    'read the text encoder layer by layer for new prompts, which takes less memory and longer',
  );
}

export function drawingOptions(flags: DrawingFlags) {
  const { batch, batchWindow, grace, queue, results, keepPictures } = flags;
  for (const [name, value] of Object.entries({ results, 'keep-pictures': keepPictures }))
    if (queue === undefined && value !== undefined)
      throw new ArgumentError(name, value, 'no value, because there is no --queue');
  return {
    cache: cacheOptions(flags),
    recipes: loadRecipes(flags.recipes ?? []),
    batching: {
      ...(batch !== undefined && { size: batch }),
      ...(batchWindow !== undefined && { window: batchWindow }),
    },
    ...(grace !== undefined && { graceSeconds: grace }),
    ...(queue !== undefined && {
      queue: {
        url: queue,
        ...(results !== undefined && { results }),
        ...(keepPictures !== undefined && { keepSeconds: keepPictures }),
      },
    }),
    onError: (error: unknown) =>
      void process.stderr.write(`incache: ${oneLine(String((error as Error)?.stack ?? error))}\n`),
  };
}

/** By the names of their files. */
function loadRecipes(paths: readonly string[]): Map<string, Recipe> {
  const recipes = new Map<string, Recipe>();
  for (const path of paths) {
    const name = basename(path).replace(/\.safetensors$/, '');
    if (recipes.has(name))
      throw new ArgumentError('recipes', path, `files of different names: there are two '${name}'`);
    recipes.set(name, Recipe.load(path));
  }
  return recipes;
}
