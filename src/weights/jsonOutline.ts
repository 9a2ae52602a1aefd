/** A look at JSON text without parsing it: how deep it is, and which keys its outermost object has. */

export interface JsonOutline {
  /** Whether objects and lists are nested deeper than was allowed; the rest was not looked at then. */
  readonly tooDeep: boolean;
  /** Keys of the outermost object as they are written, quotes and escapes included. */
  readonly keys: readonly string[];
}

/** text: need not be valid JSON; then the outline means nothing. */
export function outlineJson(text: string, maxDepth: number): JsonOutline {
  const keys: string[] = [];
  let depth = 0;
  let latestString = '';
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const end = endOfString(text, i);
        if (depth === 1) latestString = text.slice(i, end + 1);
        i = end;
        break;
      }
      case ':':
        if (depth === 1) keys.push(latestString);
        break;
      case '{':
      case '[':
        if (++depth > maxDepth) return { tooDeep: true, keys };
        break;
      case '}':
      case ']':
        depth--;
    }
  }
  return { tooDeep: false, keys };
}

/** A key that some object of a valid JSON text has twice; its parser keeps the last one and says nothing. */
export function repeatedKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  let latestString = '';
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const end = endOfString(text, i);
        latestString = text.slice(i, end + 1);
        i = end;
        break;
      }
      case ':': {
        const key: string = JSON.parse(latestString);
        if (objects.at(-1)!.has(key)) return key;
        objects.at(-1)!.add(key);
        break;
      }
      case '{':
      case '[':
        objects.push(new Set());
        break;
      case '}':
      case ']':
        objects.pop();
    }
  }
  return undefined;
}

/** Place of the quote that ends the string begun at `start`. */
export function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
