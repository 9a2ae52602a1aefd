/** JSON as Python writes it. */
import { FormatError } from '../errors.js';

/** A text, so that what looks like a number within one stays as it is, or a number that JSON does not have. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/** Stands before the name of such a number while the rest is parsed; no text that Python writes holds it unescaped. */
const MARK = '\uE000';

const NUMBERS: ReadonlyMap<string, number> = new Map([
  [`${MARK}Infinity`, Number.POSITIVE_INFINITY],
  [`${MARK}-Infinity`, Number.NEGATIVE_INFINITY],
  [`${MARK}NaN`, Number.NaN],
]);

/**
 * The value of a text in which Infinity, -Infinity and NaN may stand for numbers, as `json.dump` of Python writes them and
 * `JSON.parse` refuses them. Throws a `FormatError` that names `what` for anything else that is no JSON.
 */
export function parsePythonJson(text: string, what: string): unknown {
  const plain = text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${MARK}${token}"`));
  try {
    return JSON.parse(plain, (_, value) => NUMBERS.get(value) ?? value);
  } catch (error) {
    throw new FormatError(`${what} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** The same for a text that must be an object. */
export function parsePythonObject(text: string, what: string): Record<string, unknown> {
  const value = parsePythonJson(text, what);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new FormatError(`${what} is not a JSON object`);
}
