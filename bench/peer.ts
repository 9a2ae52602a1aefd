/** Packages that are installed for the benchmark alone, in `bench/peers`. */
import { createRequire } from 'node:module';

/** A contender that is not here, with the reason in one sentence. */
export interface Absent {
  readonly name: string;
  readonly absent: string;
}

const PEERS = createRequire(new URL('../../bench/peers/package.json', import.meta.url));

/** Throws with code MODULE_NOT_FOUND where it is not installed. */
export function requirePeer(name: string): unknown {
  return PEERS(name);
}

/** Only a package that is not there may be left out: one that fails is a defect of the benchmark. */
export function absentPeer(name: string, error: unknown, install = 'npm run bench:peers'): Absent {
  const { code } = error as { code?: string };
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') throw error;
  return { name, absent: `it is not installed (${install})` };
}

/** Those that are here; says of the others why they are not. */
export function present<T extends { readonly name: string }>(contenders: readonly (T | Absent)[]): T[] {
  return contenders.filter((contender): contender is T => {
    if (!('absent' in contender)) return true;
    process.stderr.write(`${contender.name} is left out: ${contender.absent}\n`);
    return false;
  });
}
