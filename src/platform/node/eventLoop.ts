/** Turns of the event loop. */

/** Calls `action` in the next turn. */
export function afterTurn(action: () => void): void {
  setImmediate(action);
}

/** Resolves after a turn, in which timers, signals and the caller's other work were served. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
