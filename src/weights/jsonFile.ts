/** JSON files that other programs wrote. */
import { FormatError } from '../errors.js';
import { FileBytes } from './fileBytes.js';
import { endOfString, outlineJson, repeatedKey } from './jsonOutline.js';

/** Longer ones are no settings or indexes: that of a model of 100,000 tensors has 10 MB. */
const MOST_BYTES = 2 ** 26;
const MOST_DEPTH = 64;

/**
 * The object in a file. A byte order mark is skipped, and so are the numbers that Python writes but JSON has not:
 * `NaN`, `Infinity` and `-Infinity` are read as numbers. Throws a `FormatError` that names the file.
 */
export function readJsonObject(path: string): Record<string, unknown> {
  return parseJsonObject(path, readText(path));
}

/** As `readJsonObject`, and refuses a key that an object has twice, of which the parser would keep the last. */
export function readJsonOfDistinctKeys(path: string): Record<string, unknown> {
  const text = readText(path);
  const object = parseJsonObject(path, text);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw new FormatError(`${path} has two entries of the name '${repeated}'`);
  return object;
}

function readText(path: string): string {
  using file = FileBytes.open(path);
  if (file.size > MOST_BYTES)
    throw new FormatError(`${path} has ${file.size} bytes, too many for a file of settings`);
  const bytes = file.read(new Uint8Array(file.size), 0);
  return new TextDecoder().decode(bytes);
}

/** As `readJsonObject`, of a text; `what` begins the messages. */
export function parseJsonObject(what: string, text: string): Record<string, unknown> {
  if (outlineJson(text, MOST_DEPTH).tooDeep)
    throw new FormatError(`${what} is nested more than ${MOST_DEPTH} deep`);
  const value = parse(what, text.replace(/^\ufeff/, ''));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${what} is not a JSON object`);
  return value as Record<string, unknown>;
}

/** The text that `parseJsonObject` reads as `object`: with Python's `NaN`, `Infinity` and `-Infinity`. */
export function formatJsonObject(object: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(object, (_, value) =>
    typeof value === 'number' && !Number.isFinite(value) ? `${STAND_IN}${value}` : value,
  );
  return text.replace(/"\\u0000number (-?\w+)"/g, '$1');
}

/** Stand-ins for Python's numbers: a text that no file has by chance. */
const NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};
const STAND_IN = '\u0000number ';

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const replaced = withStandIns(text);
    if (replaced === text) throw notJson(what, error);
    try {
      return JSON.parse(replaced, (_, value) =>
        typeof value === 'string' && value.startsWith(STAND_IN)
          ? NUMBERS[value.slice(STAND_IN.length)]
          : value,
      );
    } catch {
      throw notJson(what, error);
    }
  }
}

function withStandIns(text: string): string {
  const parts: string[] = [];
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') i = endOfString(text, i);
    const name = Object.keys(NUMBERS).find((number) => text.startsWith(number, i));
    if (name === undefined) continue;
    parts.push(text.slice(done, i), JSON.stringify(`${STAND_IN}${name}`));
    done = i + name.length;
    i = done - 1;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

function notJson(what: string, cause: unknown): FormatError {
  return new FormatError(`${what} is not JSON: ${(cause as Error).message}`, { cause });
}
