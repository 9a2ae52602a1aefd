export * from '../layers/actions.js';
export type { CacheLayout, LinearTap, TappedLinear } from '../layers/linearContext.js';
export * from '../stepPlans.js';
export * from './config.js';
export * from './graph.js';
export * from './inferConfig.js';
