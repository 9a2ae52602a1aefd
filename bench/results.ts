/** Writes what was measured as a file for comparing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { commit, describeMachine, versions } from './machine.js';
import { SCHEMA_VERSION } from './schema/result.js';

/** Where results go: `INCACHE_RESULTS` names another folder. */
export const RESULTS = process.env.INCACHE_RESULTS ?? 'bench/results';

export interface Place {
  /** The file, in place of the usual name. */
  readonly path?: string | undefined;
  /** Of a run of a part, or in a hurry: it must not take the place of a stored one, and goes to the temporary folder. */
  readonly isPartial?: boolean;
}

/**
 * Writes `<what>-<machine>-<date>.json` in the folder of results and returns where. The machine, versions and the commit
 * are beside the figures (`schema/result.ts`).
 */
export async function saveJson(what: string, figures: object, place: Place = {}): Promise<string> {
  const machine = await describeMachine();
  const date = new Date().toISOString().slice(0, 10);
  const folder = place.isPartial ? join(tmpdir(), 'incache-bench') : RESULTS;
  const where = place.path ?? join(folder, `${what}-${machine.name}-${date}.json`);
  mkdirSync(dirname(where), { recursive: true });
  const head = { schema: SCHEMA_VERSION, what, date, commit: commit(), machine, versions: versions() };
  writeFileSync(where, `${JSON.stringify({ ...head, ...figures }, rounded, 1)}\n`);
  return where;
}

/** Six digits: more than any figure here is good for. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
