/**
 * Figures quoted in texts. Each is a reference link, `[1.06 times][block-f32]`, whose definition at the end of the text,
 * `[block-f32]: bench/results/block-chip-2-2026-01-02.json#/rows/0/overOnnx`, names a result file and, as a JSON pointer
 * (RFC 6901), the figure in it.
 */
import { existsSync } from 'node:fs';
import { FormatError } from '../../src/errors.js';
import { type ResultFile, readResult } from '../schema/read.js';
import { type NamedResult, newestResults } from './files.js';

export interface Claim {
  /** As it is written: its decimals are those that it is rounded to. */
  readonly figure: string;
  /** What follows it within the link: ` s` of milliseconds, ` KB` and ` GB` of bytes and ` %` of a share convert, all else is for people. */
  readonly unit: string;
  /** What leads to the file, and its name. */
  readonly folder: string;
  readonly file: string;
  readonly pointer: string;
}

/** Pages with such figures, from the root; `introduction.md` is another. */
export const QUOTING = ['README.md', 'docs/browser.md'];

/** A figure with its unit, and its mark. */
const FIGURE = /\[(\d+(?:\.\d+)?)([^\]]*)\]\[([\w-]+)\]/g;
/** The definition of a mark. */
const DEFINITION = /^\[([\w-]+)\]: ((?:\.\.\/)*bench\/results\/)([\w.-]+\.json)#((?:\/\w+)+)$/gm;

/** Where a mark leads. */
type Target = Pick<Claim, 'folder' | 'file' | 'pointer'>;

/** Throws a `FormatError` for a mark that is not defined, or that no figure has. */
export function claimsOf(markdown: string): Claim[] {
  const targets = targetsOf(markdown);
  const claims = [...markdown.matchAll(FIGURE)].map(([, figure, unit, mark]) => ({
    figure: figure!,
    unit: unit!,
    ...targetOf(targets, mark!),
  }));
  const used = new Set([...markdown.matchAll(FIGURE)].map(([, , , mark]) => mark));
  for (const mark of targets.keys())
    if (!used.has(mark)) throw new FormatError(`no figure has the mark [${mark}]`);
  return claims;
}

function targetsOf(markdown: string): Map<string, Target> {
  return new Map(
    [...markdown.matchAll(DEFINITION)].map(([, mark, folder, file, pointer]) => [
      mark!,
      { folder: folder!, file: file!, pointer: pointer! },
    ]),
  );
}

function targetOf(targets: ReadonlyMap<string, Target>, mark: string): Target {
  const target = targets.get(mark);
  if (!target) throw new FormatError(`the mark [${mark}] is not defined`);
  return target;
}

const FACTORS = [
  [' s', 1e-3],
  [' KB', 1e-3],
  [' GB', 1e-9],
  [' %', 100],
] as const;

/** What the claim's file gives in its place, rounded as it is. Throws a `FormatError` where that is no number. */
export function figureOf({ figure, unit, pointer, file }: Claim, result: ResultFile): string {
  let value: unknown = result;
  for (const key of pointer.slice(1).split('/'))
    value = (value as Record<string, unknown> | undefined)?.[key];
  if (typeof value !== 'number') throw new FormatError(`${file} has no number at ${pointer}`);
  const [, factor] = FACTORS.find(([name]) => unit.startsWith(name)) ?? ['', 1];
  return (value * factor).toFixed(figure.split('.')[1]?.length ?? 0);
}

/**
 * The text with every figure from the newest file in `results` of its kind and machine. A row is found again by what it is
 * of, not by its place. Throws a `FormatError` where the newest file does not have it.
 */
export function refreshClaims(markdown: string, results: string): string {
  const newest = newestResults(results);
  const fresh = new Map(
    [...targetsOf(markdown)].map(([mark, target]) => [mark, renewed(target, results, newest)]),
  );
  return markdown
    .replace(FIGURE, (_, figure: string, unit: string, mark: string) => {
      const target = targetOf(fresh, mark);
      const result = newest.find(({ name }) => name === target.file)!;
      return `[${figureOf({ figure, unit, ...target }, result)}${unit}][${mark}]`;
    })
    .replace(DEFINITION, (_, mark: string) => {
      const { folder, file, pointer } = fresh.get(mark)!;
      return `[${mark}]: ${folder}${file}#${pointer}`;
    });
}

/** Where the same figure is in the newest file. */
function renewed({ folder, file, pointer }: Target, results: string, newest: readonly NamedResult[]): Target {
  const result = newest.find(({ name }) => kindOf(name) === kindOf(file));
  if (!result) throw new FormatError(`there is no result of the kind of ${file} in ${results}`);
  const path = `${results}/${file}`;
  const place = existsSync(path) ? samePlace(pointer, readResult(path), result) : pointer;
  return { folder, file: result.name, pointer: place };
}

/** The file's name without the date. */
function kindOf(name: string): string {
  return name.replace(/-\d{4}-\d\d-\d\d\.json$/, '');
}

/** The pointer into another file to the row that has the same name. */
function samePlace(pointer: string, from: ResultFile, to: NamedResult): string {
  const [, place, rest] = /^\/rows\/(\d+)(\/.*)$/.exec(pointer) ?? [];
  if (place === undefined) return pointer;
  const name = rowName(from.rows?.[Number(place)]);
  const rows = [...(to.rows ?? []).keys()].filter((row) => rowName(to.rows![row]) === name);
  if (rows.length !== 1) throw new FormatError(`${to.name} has ${rows.length} rows ${name}; expected one`);
  return `/rows/${rows[0]}${rest}`;
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
  'm',
  'k',
  'n',
  'rank',
  'contender',
  'threads',
];

function rowName(row: unknown): string {
  const fields = (row ?? {}) as Record<string, unknown>;
  return JSON.stringify(Object.fromEntries(NAMING.map((field) => [field, fields[field]])));
}
