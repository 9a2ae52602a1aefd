/** Where the tensors of a network begin among those of a file, whatever training code has put before their names. */
import { ArgumentError, FormatError } from '../errors.js';
import type { CanonicalSource, TensorOrigin } from '../weights/canonicalSource.js';
import { FLOAT8_SCALES, scaleOf } from '../weights/float8Scales.js';
import type { TensorSource } from '../weights/tensorSource.js';
import type { TensorHeaders } from './tensorShapes.js';

/** For each layout the tensor by which it is known. */
export type Anchors<L extends string> = Readonly<Record<L, string>>;

/** Whether a model in one of the layouts is among tensors of these names. */
export function hasAnchor(names: readonly string[], anchors: Anchors<string>): boolean {
  return names.some((name) => Object.values(anchors).some((anchor) => isAnchor(name, anchor)));
}

/**
 * The layout of a model, and what its names begin with: `module.`, `_orig_mod.`, `model.`, `ema.`. Of several the one that
 * `key` names, else the averaged one. Throws an `ArgumentError` where that leaves a choice.
 */
export function findModel<L extends string>(
  names: readonly string[],
  anchors: Anchors<L>,
  key: string | undefined,
): { layout: L; prefix: string } | undefined {
  const found = (Object.entries(anchors) as [L, string][]).flatMap(([layout, anchor]) =>
    names
      .filter((name) => isAnchor(name, anchor))
      .map((name) => ({ layout, prefix: name.slice(0, name.length - anchor.length) })),
  );
  const keyed = found.filter(({ prefix }) => key !== undefined && prefix.startsWith(`${key}.`));
  const averaged = found.filter(({ prefix }) => /(^|[._])ema([._]|$)/.test(prefix));
  const plain = found.filter(({ prefix }) => prefix === '');
  for (const choice of [keyed, averaged, plain, found]) if (choice.length === 1) return choice[0];
  if (found.length === 0) return undefined;
  throw new ArgumentError(
    'weightsKey',
    key,
    `one of ${found.map(({ prefix }) => prefix.slice(0, -1) || "''").join(', ')}, which all begin a model`,
  );
}

function isAnchor(name: string, anchor: string): boolean {
  return name === anchor || name.endsWith(`.${anchor}`);
}

/** The tensors of these names joined, with their scales where they are float8. */
function originOf(source: TensorSource, parts: readonly string[]): TensorOrigin {
  const scales = parts.map((part) => scaleOf(source, part));
  return scales.some((scale) => scale !== undefined) ? { parts, scales } : { parts };
}

/** For each tensor of a network, the tensor of the file: `origins` says the names that it is joined from, behind `prefix`. */
export function originsOf(
  source: TensorSource,
  prefix: string,
  origins: ReadonlyMap<string, readonly string[]>,
): Map<string, TensorOrigin> {
  return new Map(
    [...origins].map(([name, parts]) => [
      name,
      originOf(
        source,
        parts.map((part) => prefix + part),
      ),
    ]),
  );
}

/** For tensors that have the same names in the file. */
export function sameNames(shapes: ReadonlyMap<string, unknown>): Map<string, readonly string[]> {
  return new Map([...shapes.keys()].map((name) => [name, [name]]));
}

/** The headers of the tensors behind `prefix`, without it. */
export function headersOf(source: TensorSource, prefix: string): TensorHeaders {
  return new Map(
    source.names
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), source.entry(name)]),
  );
}

/**
 * What is there beside the model: a sentence, or a `FormatError` where it cannot be left out.
 * @param own names that begin the tensors of such a model: another one among them changes what it computes
 * @param kind of the model, as `DiT`
 */
export function leftOut(
  source: TensorSource,
  prefix: string,
  opened: { readonly tensors: CanonicalSource; readonly alsoUsed?: readonly string[] },
  own: RegExp,
  kind: string,
): string[] {
  const used = new Set(opened.alsoUsed);
  for (const { parts, scales = [] } of opened.tensors.origins.values())
    for (const name of [...parts, ...scales]) if (name !== undefined) used.add(name);
  const others = source.names.filter((name) => !used.has(name) && !FLOAT8_SCALES.test(name));
  for (const name of others)
    if (name.startsWith(prefix) && own.test(name.slice(prefix.length)))
      throw new FormatError(`tensor '${name}' does not belong to this ${kind}`);
  if (others.length === 0) return [];
  const named = others.slice(0, 3).join(', ');
  const count = others.length === 1 ? 'a tensor' : `${others.length} tensors`;
  return [
    `${source.path}: left out ${count} that no layer uses: ${named}${others.length > 3 ? ', ...' : ''}`,
  ];
}
