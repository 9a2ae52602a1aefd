/** `incache/plan`: plans as data. */
export { type Cost, costByLayer, costByOp, planCost } from './cost.js';
export { parsePlan, serializePlan } from './file.js';
export { layoutTemporaries } from './layout.js';
export { planText } from './text.js';
export type * from './types.js';
export { validatePlan } from './validate.js';
