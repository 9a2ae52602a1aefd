/**
 * Figures quoted in texts, each a link into the result file that it comes from, with a JSON pointer (RFC 6901):
 * `[1.06 times](bench/results/block-chip-2-2026-01-02.json#/rows/0/overOnnx)`.
 */
import { existsSync } from 'node:fs';
import { FormatError } from '../../src/errors.js';
import { type ResultFile, readResult } from '../schema/read.js';
import { newestResults } from './files.js';

export interface Claim {
  /** As it is written: its decimals are those that it is rounded to. */
  readonly figure: string;
  /** What follows it within the link: ` s` of milliseconds and ` %` of a share convert, all else is for people. */
  readonly unit: string;
  /** What leads to the file, and its name. */
  readonly folder: string;
  readonly file: string;
  readonly pointer: string;
}

const CLAIM = /\[(\d+(?:\.\d+)?)([^\]]*)\]\(((?:\.\.\/)*bench\/results\/)([\w.-]+\.json)#((?:\/\w+)+)\)/g;

export function claimsOf(markdown: string): Claim[] {
  return [...markdown.matchAll(CLAIM)].map(claimOf);
}

function claimOf([, figure, unit, folder, file, pointer]: readonly string[]): Claim {
  return { figure: figure!, unit: unit!, folder: folder!, file: file!, pointer: pointer! };
}

/** What the claim's file gives in its place, rounded as it is. Throws a `FormatError` where that is no number. */
export function figureOf({ figure, unit, pointer, file }: Claim, result: ResultFile): string {
  let value: unknown = result;
  for (const key of pointer.slice(1).split('/'))
    value = (value as Record<string, unknown> | undefined)?.[key];
  if (typeof value !== 'number') throw new FormatError(`${file} has no number at ${pointer}`);
  const factor = unit.startsWith(' s') ? 1e-3 : unit.startsWith(' %') ? 100 : 1;
  return (value * factor).toFixed(figure.split('.')[1]?.length ?? 0);
}

/**
 * The text with every figure from the newest file in `results` of its kind and machine. A row is found again by what it is
 * of, not by its place. Throws a `FormatError` where the newest file does not have it.
 */
export function refreshClaims(markdown: string, results: string): string {
  const newest = newestResults(results);
  return markdown.replace(CLAIM, (...match) => {
    const claim = claimOf(match);
    const stored = existsSync(`${results}/${claim.file}`)
      ? readResult(`${results}/${claim.file}`)
      : undefined;
    const result = newest.find(({ name }) => kindOf(name) === kindOf(claim.file));
    if (!result) throw new FormatError(`there is no result of the kind of ${claim.file} in ${results}`);
    const { figure, unit, folder } = claim;
    const pointer = stored ? samePlace(claim.pointer, stored, result) : claim.pointer;
    const fresh = figureOf({ figure, unit, folder, file: result.name, pointer }, result);
    return `[${fresh}${unit}](${folder}${result.name}#${pointer})`;
  });
}

/** The file's name without the date. */
function kindOf(name: string): string {
  return name.replace(/-\d{4}-\d\d-\d\d\.json$/, '');
}

/** The pointer into another file to the row that has the same name. */
function samePlace(pointer: string, from: ResultFile, to: ResultFile & { readonly name: string }): string {
  const [, place, rest] = /^\/rows\/(\d+)(\/.*)$/.exec(pointer) ?? [];
  if (place === undefined) return pointer;
  const name = rowName(from.rows?.[Number(place)]);
  const row = to.rows?.findIndex((other) => rowName(other) === name) ?? -1;
  if (row < 0) throw new FormatError(`${to.name} has no row ${name}`);
  return `/rows/${row}${rest}`;
}

/** What a row is of, in any of the results. */
const NAMING = [
  'level',
  'kernel',
  'name',
  'shape',
  'policy',
  'sweep',
  'sequences',
  'tokens',
  'rank',
  'contender',
  'threads',
];

function rowName(row: unknown): string {
  const fields = (row ?? {}) as Record<string, unknown>;
  return JSON.stringify(Object.fromEntries(NAMING.map((field) => [field, fields[field]])));
}
