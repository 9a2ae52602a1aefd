/**
 * Parts of the engine that only some models or runs need. A page fetches one when the first needs it: whoever uses a part that is
 * not there throws a `MissingPart`, and `withParts` fetches it and begins again. So readers of files stay synchronous.
 */
import { IncacheError } from '../../errors.js';
import type * as All from '../node/parts.js';

type Parts = Omit<typeof All, 'withParts'>;
type PartName = keyof Parts;

const FETCH: Readonly<Record<PartName, () => Promise<Partial<Parts>>>> = {
  findWeights: () => import('../../weights/weightsFolder.js'),
  imageNetNames: () => import('../../models/imageNetNames.js'),
  openDiffusersDit: () => import('../../models/dit/openDiffusersDit.js'),
  openPixArt: () => import('../../models/pixart/layout.js'),
  openSharded: () => import('../../weights/shardedSource.js'),
  openTorchLegacy: () => import('../../weights/pytorch/torchLegacy.js'),
  openTorchZip: () => import('../../weights/pytorch/torchZip.js'),
  openVae: () => import('../../engine/openVae.js'),
  planCache: () => import('../../pipeline/planCache.js'),
  promptsOf: () => import('../../pipeline/text/prompts.js'),
  requireMade: () => import('../../pipeline/planCache.js'),
  vaeOn: () => import('../../engine/openVae.js'),
};

const here: { -readonly [K in PartName]?: Parts[K] } = {};

class MissingPart extends IncacheError {
  constructor(readonly part: PartName) {
    super(
      `${part} is a part of the engine that has not been fetched; import 'incache', which has all of them`,
    );
  }
}

export const findWeights: Parts['findWeights'] = (...args) => part('findWeights')(...args);
export const imageNetNames: Parts['imageNetNames'] = () => part('imageNetNames')();
export const openDiffusersDit: Parts['openDiffusersDit'] = (...args) => part('openDiffusersDit')(...args);
export const openPixArt: Parts['openPixArt'] = (...args) => part('openPixArt')(...args);
export const openSharded: Parts['openSharded'] = (...args) => part('openSharded')(...args);
export const openTorchLegacy: Parts['openTorchLegacy'] = (...args) => part('openTorchLegacy')(...args);
export const openTorchZip: Parts['openTorchZip'] = (...args) => part('openTorchZip')(...args);
export const openVae: Parts['openVae'] = (...args) => part('openVae')(...args);
export const planCache: Parts['planCache'] = (...args) => part('planCache')(...args);
export const promptsOf: Parts['promptsOf'] = (...args) => part('promptsOf')(...args);
export const requireMade: Parts['requireMade'] = (...args) => part('requireMade')(...args);
export const vaeOn: Parts['vaeOn'] = (...args) => part('vaeOn')(...args);

/** Gives parts that are fetched with the module of the caller. */
export function provideParts(parts: Partial<Parts>): void {
  Object.assign(here, parts);
}

export async function withParts<T>(work: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MissingPart)) throw error;
      const { part } = error;
      Object.assign(here, { [part]: (await FETCH[part]())[part] });
    }
  }
}

function part<K extends PartName>(name: K): Parts[K] {
  const found = here[name];
  if (found === undefined) throw new MissingPart(name);
  return found as Parts[K];
}
