/** Parts of the engine that only some models or runs need. Here they are there from the start. */
export { openVae, vaeOn } from '../../engine/openVae.js';
export { openDiffusersDit } from '../../models/dit/openDiffusersDit.js';
export { imageNetNames } from '../../models/imageNetNames.js';
export { openPixArt } from '../../models/pixart/layout.js';
export { planCache, requireMade } from '../../pipeline/planCache.js';
export { promptsOf } from '../../pipeline/text/prompts.js';
export { openTorchLegacy } from '../../weights/pytorch/torchLegacy.js';
export { openTorchZip } from '../../weights/pytorch/torchZip.js';
export { openSharded } from '../../weights/shardedSource.js';
export { findWeights } from '../../weights/weightsFolder.js';

/** What `work` gives. It may need parts, and is begun again when one has been loaded. */
export async function withParts<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}
