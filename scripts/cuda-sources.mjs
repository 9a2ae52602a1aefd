/**
 * Which CUDA sources the compiler's report is about: a hash of every file that a kernel is compiled from, kept in
 * cuda/report.sha256 when `npm run cuda:report` has found no fault in them. The tests compile kernels with nvcc only
 * when the sources differ from those.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Not compiled by nvcc into a kernel. */
const ELSEWHERE = /^(test|emulator|runtime)\//;

const recordOf = (root) => join(root, 'cuda/report.sha256');

/** sha256 over the names and contents of all sources, in hexadecimal. */
export function hashSources(root) {
  const cuda = readdirSync(join(root, 'cuda'), { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(cu|cuh|h)$/.test(name) && !ELSEWHERE.test(name))
    .map((name) => `cuda/${name}`);
  const core = readdirSync(join(root, 'cpp/core'))
    .filter((name) => name.endsWith('.h'))
    .map((name) => `cpp/core/${name}`);
  const hash = createHash('sha256');
  for (const name of [...cuda, ...core, 'cpp/include/incache.h'].sort())
    hash.update(`${name}\n`).update(readFileSync(join(root, name)));
  return hash.digest('hex');
}

/** Whether the report of these very sources had no fault. */
export function isReported(root) {
  const record = recordOf(root);
  return existsSync(record) && readFileSync(record, 'utf8').trim() === hashSources(root);
}

export function recordReport(root) {
  writeFileSync(recordOf(root), `${hashSources(root)}\n`);
}
