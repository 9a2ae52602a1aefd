/** Which result files a report is made of. */
import { readdirSync } from 'node:fs';
import { type ResultFile, readResult } from '../schema/read.js';

export interface NamedResult extends ResultFile {
  readonly name: string;
}

/** The newest file of each kind and machine in a folder, by kind. */
export function newestResults(folder: string): NamedResult[] {
  const newest = new Map<string, NamedResult>();
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()) {
    const result = { ...readResult(`${folder}/${name}`), name };
    const key = `${result.what} ${result.machine.name}`;
    const other = newest.get(key);
    if (!other || other.date <= result.date) newest.set(key, result);
  }
  return [...newest.values()].sort((a, b) => (a.what < b.what ? -1 : 1));
}
