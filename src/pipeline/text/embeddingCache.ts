/** Embeddings in a folder: one file for each pair of a prompt and a text encoder. */

import { fileExists, isFolder } from '#platform/files';
import { sha256 } from '#platform/hash';
import { join } from '#platform/paths';
import { ArgumentError } from '../../errors.js';
import { loadEmbeddings, saveEmbeddings, type TextEmbedding } from './embeddings.js';
import type { TextEncoderKey } from './promptEncoder.js';

export class EmbeddingCache {
  readonly #folder: string;
  readonly #encoder: TextEncoderKey;

  /** Throws an `ArgumentError` for a path that is no folder; one that is not there is made when something is kept. */
  constructor(folder: string, encoder: TextEncoderKey) {
    if (fileExists(folder) && !isFolder(folder))
      throw new ArgumentError('embeddingsCache', folder, 'a folder, or the name of a new one');
    this.#folder = folder;
    this.#encoder = encoder;
  }

  find(prompt: string, tokens: number): TextEmbedding | undefined {
    const path = this.#pathOf(prompt, tokens);
    return fileExists(path) ? loadEmbeddings(path).prompts[0] : undefined;
  }

  store(prompt: string, tokens: number, embedding: TextEmbedding): void {
    saveEmbeddings(this.#pathOf(prompt, tokens), { prompts: [embedding] });
  }

  /** @param tokens that the prompt is cut to */
  #pathOf(prompt: string, tokens: number): string {
    const hash = sha256();
    hash.update(JSON.stringify([this.#encoder, tokens, prompt]));
    return join(this.#folder, `${hash.digest()}.safetensors`);
  }
}
