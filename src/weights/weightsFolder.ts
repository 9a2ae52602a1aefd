/** The file of weights in a folder, by the names that diffusers and transformers give. */
import { listFolder } from '#platform/files';
import { join } from '#platform/paths';
import { ArgumentError, FormatError, IncacheError } from '../errors.js';

interface WeightsName {
  readonly file: string;
  readonly format: 'safetensors' | 'bin';
  readonly variant: string | undefined;
}

/** `<stem>[.variant].<format>` and, for the index of several files, `.index[.variant].json` behind it. */
const NAME =
  /^(?:diffusion_pytorch_model|pytorch_model|model)(?:\.([\w-]+))?\.(safetensors|bin)(?:\.index(?:\.([\w-]+))?\.json)?$/;

const SINGLE = /\.(?:safetensors|pt|pth|bin|ckpt)$/;

/**
 * The weights in `folder`, as diffusers would choose: safetensors before PyTorch's own format, no variant unless one is
 * asked for or there is nothing else. A folder with a single file of weights under any other name will do. Throws an
 * `ArgumentError` for a variant that is not there, a `FormatError` for a folder without weights or with several.
 */
export function findWeights(folder: string, variant?: string): string {
  const files = filesIn(folder);
  const named = files.flatMap(parseName);
  const variants = [...new Set(named.map((name) => name.variant))];
  if (variant !== undefined && !variants.includes(variant))
    throw new ArgumentError('variant', variant, `one of those in ${folder}: ${variantList(variants)}`);
  const wanted = variant ?? (variants.includes(undefined) || variants.length !== 1 ? undefined : variants[0]);
  const found = named
    .filter((name) => name.variant === wanted)
    .sort((a, b) => Number(a.format === 'bin') - Number(b.format === 'bin'));
  if (found[0]) return join(folder, found[0].file);
  if (variants.length > 1) throw new ArgumentError('variant', undefined, `one of ${variantList(variants)}`);
  const single = files.filter((file) => SINGLE.test(file));
  if (single.length === 1) return join(folder, single[0]!);
  throw new FormatError(
    single.length === 0
      ? `${folder} has no file of weights (diffusion_pytorch_model.safetensors or .bin, or one file of safetensors, pt, pth, bin or ckpt)`
      : `${folder} has several files of weights (${single.slice(0, 4).join(', ')}); name one of them`,
  );
}

function parseName(file: string): WeightsName[] {
  const [, variant, format, indexVariant] = NAME.exec(file) ?? [];
  if (format === undefined) return [];
  return [{ file, format: format as WeightsName['format'], variant: variant ?? indexVariant }];
}

function variantList(variants: readonly (string | undefined)[]): string {
  const named = variants.filter((name) => name !== undefined);
  return named.length === 0 ? 'none' : named.join(', ');
}

function filesIn(folder: string): string[] {
  try {
    return listFolder(folder);
  } catch (error) {
    throw new IncacheError(`cannot read ${folder}: ${(error as Error).message}`, { cause: error });
  }
}
