/** What of PixArt is public. */
export { type PixArtConfig, tensorShapes } from './config.js';
export { pixartNetwork } from './network.js';
