/** What backends check that compute in float32 alone. */
import { IncacheError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import { validatePlan } from '../plan/validate.js';

/** Throws an IncacheError for a plan that is not valid, or has buffers of other types than f32 and i32. */
export function validateWidePlan(plan: Plan, backend: string): void {
  validatePlan(plan);
  const narrow = plan.buffers.find(({ type }) => type !== 'f32' && type !== 'i32');
  if (narrow)
    throw new IncacheError(
      `buffer '${narrow.name}' of plan '${plan.name}' is ${narrow.type}; the ${backend} backend has only f32 and i32`,
    );
}
