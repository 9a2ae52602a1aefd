/** Turns of the event loop, by messages: timers are held back to 4 ms when they follow each other. */
import type { MessageScope } from '../types.js';

const channel = new MessageChannel();
const actions: (() => void)[] = [];
(channel.port1 as unknown as MessageScope).onmessage = () => actions.shift()?.();

/** Calls `action` in a later turn. */
export function afterTurn(action: () => void): void {
  actions.push(action);
  channel.port2.postMessage(undefined);
}

/** Resolves after a turn, in which messages, timers and the caller's other work were served. */
export function pause(): Promise<void> {
  return new Promise((resolve) => afterTurn(resolve));
}
