/** Copies the pages of the repository, and what they show, into pages/, with links for the site. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outsideCode, placeOf, relink } from './links.mjs';

const site = fileURLToPath(new URL('.', import.meta.url));
const root = join(site, '../..');
const pages = join(site, 'pages');

const under = (folder, pattern) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((path) => pattern.test(path) && !/(^|\/)(site|node_modules|work|peers)\//.test(path));

const texts = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'bench/README.md'],
  ...under('docs', /\.md$/),
  ...under('models', /README\.md$/),
  ...under('examples', /README\.md$/),
];
const pictures = under('docs', /\.(?:png|svg)$/);
const staged = new Set([...texts, ...pictures]);

rmSync(pages, { recursive: true, force: true });
for (const path of texts) {
  const text = readFileSync(join(root, path), 'utf8').replace(/<!--[\s\S]*?-->\n?/g, '');
  write(placeOf(path), outsideCode(relink(text, path, staged), escapeProse));
}
for (const path of pictures) {
  mkdirSync(dirname(join(pages, path)), { recursive: true });
  cpSync(join(root, path), join(pages, path));
}
console.log(`${texts.length} pages, ${pictures.length} pictures`);

/** Pages have no HTML of their own, and Vue would read double braces as a program. */
function escapeProse(prose) {
  return prose.replace(/<(?=[a-z/])/gi, '&lt;').replaceAll('{{', '{ {');
}

function write(path, text) {
  mkdirSync(dirname(join(pages, path)), { recursive: true });
  writeFileSync(join(pages, path), text);
}
