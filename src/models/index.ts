/** `incache/models`: networks as data, without weights. */
export * from './dit/index.js';
export { namedNetwork } from './families.js';
export type { Block, Condition, Geometry, Layer, Network, Sublayer } from './network.js';
export * from './pixart/index.js';
