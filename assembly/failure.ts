import { FAILURE, FAILURE_PLACE, FAILURE_VALUE } from './control';

let operation: i32 = 0;

/** Called before each operation, so that a failure can name it. */
export function enterOperation(index: i32): void {
  operation = index;
}

/** Reports that row `place` of an operand holds `value`, which cannot be used. Only the first report is kept. */
export function fail(place: i32, value: i32): void {
  if (ASC_FEATURE_THREADS) {
    if (atomic.cmpxchg<i32>(FAILURE, 0, operation + 1) != 0) return;
  } else {
    if (load<i32>(FAILURE) != 0) return;
    store<i32>(FAILURE, operation + 1);
  }
  store<i32>(FAILURE_PLACE, place);
  store<i32>(FAILURE_VALUE, value);
}

/** Whether an operation has failed. The last thread to reach the barrier asks, when no other can report anything. */
export function hasFailed(): bool {
  return (ASC_FEATURE_THREADS ? atomic.load<i32>(FAILURE) : load<i32>(FAILURE)) != 0;
}
