/** What servers and workers must have in common, so that workers draw what servers were asked for. */
import { createHash } from 'node:crypto';
import { type Pipeline, VERSION } from 'incache';
import type { ResolvedServerOptions } from '../options.js';

/** Of the version of incache, the weights of the model, the cache policy of requests that name none, and the recipes: 16 hexadecimal digits. */
export async function fingerprintOf(
  { checkpoint }: Pipeline,
  { cache, recipes }: Pick<ResolvedServerOptions, 'cache' | 'recipes'>,
): Promise<string> {
  const parts = [
    VERSION,
    await checkpoint.loadHash(),
    cache,
    [...recipes].sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return sha256(JSON.stringify(parts, plain)).slice(0, 16);
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Factors and the like are maps of many numbers. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (!ArrayBuffer.isView(value)) return value;
  return sha256(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
}
