/** Names of files, as POSIX has them. */

export function join(...parts: readonly string[]): string {
  return normalize(parts.filter((part) => part !== '').join('/')) || '.';
}

/** There is no working folder: what does not begin at the root is taken from there. */
export function resolve(...parts: readonly string[]): string {
  const last = parts.findLastIndex((part) => part.startsWith('/'));
  return normalize(['', ...parts.slice(Math.max(0, last))].join('/')) || '/';
}

export function dirname(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  const end = trimmed.lastIndexOf('/');
  if (end < 0) return path.startsWith('/') ? '/' : '.';
  return trimmed.slice(0, end).replace(/\/+$/, '') || '/';
}

export function basename(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1)!;
}

function normalize(path: string): string {
  const names: string[] = [];
  const isAbsolute = path.startsWith('/');
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (!isAbsolute) names.push(name);
  }
  return `${isAbsolute ? '/' : ''}${names.join('/')}`;
}
