/** Links of pages: to other pages of the site where they lead to one, else to the file in the repository. */
import { posix } from 'node:path';

const REPOSITORY = 'https://github.com/incache/incache';

/** Where a page of the repository lies in the site: a folder's README is its index. */
export function placeOf(path) {
  return path.replace(/(^|\/)README\.md$/, '$1index.md');
}

/**
 * The text of the page `path` with its relative links led anew. `staged`: paths of the repository that are in the site.
 * Code is left as it is.
 */
export function relink(text, path, staged) {
  const lead = (target) => leadTo(target, path, staged);
  return outsideCode(text, (prose) =>
    prose
      .replace(/\]\(([^)\s]+)\)/g, (_, target) => `](${lead(target)})`)
      .replace(/^(\[[^\]]+\]: )(\S+)$/gm, (_, mark, target) => mark + lead(target)),
  );
}

/** `change` of what is in no block of code and no code span. */
export function outsideCode(text, change) {
  return text
    .split(/(```[\s\S]*?```|`[^`\n]*`)/)
    .map((part, i) => (i % 2 === 0 ? change(part) : part))
    .join('');
}

function leadTo(target, path, staged) {
  if (/^\w+:/.test(target) || target.startsWith('#')) return target;
  const [file, anchor] = target.split('#');
  const wanted = posix.normalize(posix.join(posix.dirname(path), file)).replace(/\/$/, '');
  const found = [wanted, `${wanted}/README.md`].find((place) => staged.has(place));
  const hash = anchor === undefined ? '' : `#${anchor}`;
  if (found === undefined) return `${REPOSITORY}/blob/main/${wanted}${anchor?.startsWith('/') ? '' : hash}`;
  const relative = posix.relative(posix.dirname(placeOf(path)), placeOf(found));
  return (relative.startsWith('.') ? relative : `./${relative}`) + hash;
}
