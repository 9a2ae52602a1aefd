/** Options of the command line for models of prompts. */
import type { Command } from 'commander';
import { ArgumentError } from '../errors.js';
import { loadEmbeddings } from '../pipeline/text/embeddings.js';
import type { TextEncoderOptions } from '../pipeline/text/textEncoderOptions.js';
import type { TextOptions } from '../pipeline/text/textOptions.js';
import { sizeText } from './parse.js';
import { readPrompts } from './promptsFile.js';

/** Which text encoder, and what is done with it. */
export interface TextEncoderFlags {
  readonly textEncoder?: string;
  readonly tokenizer?: string;
  readonly keepTextEncoder?: boolean;
  readonly embeddingsCache?: string;
}

export interface TextFlags {
  readonly prompt?: string[];
  readonly prompts?: string;
  readonly negativePrompt?: string;
  readonly embeddings?: string;
  readonly cleanCaption: boolean;
}

export function addTextFlags(command: Command): Command {
  return addTextEncoderFlags(
    addPromptFlags(command).option(
      '--embeddings <file>',
      'embeddings in place of prompts, .safetensors with prompt_embeds',
    ),
  );
}

export function addPromptFlags(command: Command): Command {
  return command
    .option('-p, --prompt <text>', 'what to draw; may be repeated, a picture each', collect)
    .option(
      '--prompts <file>',
      'a file of prompts: one per line, or in .json a list or captions in the form of MSCOCO',
    )
    .option('--negative-prompt <text>', 'what pictures should not show (default: an empty text)')
    .option(
      '--no-clean-caption',
      "take prompts as they are, without the cleaning of the model's training data",
    );
}

export function addTextEncoderFlags(command: Command): Command {
  return command
    .option('--text-encoder <path>', "text encoder (default: the model's folder text_encoder)")
    .option('--tokenizer <path>', "tokenizer (default: the model's folder tokenizer)")
    .option('--keep-text-encoder', 'keep the whole text encoder in memory instead of a layer at a time')
    .option('--embeddings-cache <folder>', 'keep embeddings of prompts in a folder for the next run');
}

export function addSizeFlag(command: Command): Command {
  return command
    .option(
      '--size <HxW>',
      'height and width of the pictures in pixels, as in 512x768 (default: as the model was trained for)',
      sizeText('size'),
    )
    .option(
      '--no-resolution-binning',
      'make pictures in exactly the size, not in the nearest shape that the model was trained on',
    );
}

export function textEncoderOptions(flags: TextEncoderFlags): TextEncoderOptions {
  const { textEncoder, tokenizer, keepTextEncoder, embeddingsCache } = flags;
  return {
    ...(textEncoder !== undefined && { textEncoder }),
    ...(tokenizer !== undefined && { tokenizer }),
    ...(keepTextEncoder !== undefined && { keepTextEncoder }),
    ...(embeddingsCache !== undefined && { embeddingsCache }),
  };
}

/** Throws an `ArgumentError` for more than one of prompts, a file of them, and embeddings. */
export function textOptions(flags: TextFlags): TextOptions {
  const { negativePrompt, cleanCaption } = flags;
  const given = (['prompt', 'prompts', 'embeddings'] as const).filter((name) => flags[name] !== undefined);
  if (given.length > 1)
    throw new ArgumentError(
      given[1]!,
      flags[given[1]!],
      `no value beside --${given[0]}, which already says what to draw`,
    );
  return {
    ...promptsOf(flags),
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...(cleanCaption ? {} : { cleanCaption }),
  };
}

function promptsOf({ prompt, prompts, embeddings }: TextFlags): TextOptions {
  if (embeddings !== undefined) return { embeddings: loadEmbeddings(embeddings) };
  if (prompt !== undefined) return { prompts: prompt };
  return prompts === undefined ? {} : { prompts: readPrompts(prompts) };
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
