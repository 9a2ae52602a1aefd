/** What of PixArt is public. */
export type { PixArtConfig } from './config.js';
export { pixartNetwork } from './network.js';
