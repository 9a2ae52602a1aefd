/** Files of prompts: texts, lists and captions of pictures. */
import { readFileSync } from 'node:fs';
import { ArgumentError, FormatError } from '../errors.js';

/**
 * One prompt a line, empty lines left out; in .json a list of texts, or captions as MSCOCO has them:
 * `{"annotations": [{"caption": "..."}]}`. Throws a `FormatError` for a file without prompts.
 */
export function readPrompts(path: string): string[] {
  const text = readText(path);
  const prompts = path.endsWith('.json') ? promptsOf(path, text) : text.split(/\r?\n/);
  const kept = prompts.map((prompt) => prompt.trim()).filter((prompt) => prompt !== '');
  if (kept.length === 0) throw new FormatError(`${path} has no prompt`);
  return kept;
}

function readText(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ArgumentError('prompts', path, `a file that can be read: ${(error as Error).message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FormatError(`${path} is not a text in UTF-8`, { cause: error });
  }
}

function promptsOf(path: string, text: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const annotations = (json as { annotations?: unknown } | null)?.annotations;
  const list = Array.isArray(annotations) ? annotations.map((each) => each?.caption) : json;
  if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list;
  throw new FormatError(
    `${path} is neither a list of texts, as in ["a cat", "a dog"], nor captions, as in {"annotations": [{"caption": "a cat"}]}`,
  );
}
