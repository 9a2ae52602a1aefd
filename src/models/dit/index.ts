/** What of DiT is public. */
export { type DiTConfig, namedConfig, tensorShapes } from './config.js';
export { ditNetwork } from './network.js';
