/** Text of unknown origin, as the names of tensors, made fit for a terminal. */

/** The longest part of a message that may come from a file. */
const LONGEST = 300;

/** Without control characters (they are escaped, and so are marks that reverse the direction of writing), shortened. */
export function printable(text: string, longest = LONGEST): string {
  const short = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return short.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, escaped);
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
