export * from './actions.js';
export * from './config.js';
export * from './dit.js';
export * from './gatedStep.js';
export * from './inferConfig.js';
export type { CacheLayout, LinearTap, TappedLinear } from './linearContext.js';
