/** Connections to Redis or Valkey. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Milliseconds between two attempts to connect again. */
const RETRY = 500;
const FAREWELL = 200;
/** What ioredis says of commands that a connection which was closed still had. */
const CLOSED = 'Connection is closed.';
/** Before the names of all keys. */
export const PREFIX = 'incache';
/** What servers serve, by their fingerprints. */
export const SERVERS = 'servers';

/**
 * Connects, and again whenever the connection is lost; commands wait meanwhile. `onError` is told once of every outage.
 */
export function connect(url: string, onError: (error: unknown) => void): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => RETRY });
  let isTold = false;
  client.on('ready', () => {
    isTold = false;
  });
  client.on('error', (error) => {
    if (!isTold) onError(new Error(`the queue is away: ${error.message || error.name}`, { cause: error }));
    isTold = true;
  });
  return client;
}

/** What goes wrong beside connections, of which `connect` tells. */
export function withoutConnections(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    const isOne = error instanceof Error && ('syscall' in error || error.message === CLOSED);
    if (!isOne) onError(error);
  };
}

/** Closes what uses the connection, and then the connection. While Redis is away the end of connections is not always told: nobody waits for it. */
export async function closeWith(client: Redis, close: () => Promise<unknown>): Promise<void> {
  const away = client.status === 'ready' ? [] : [sleep(FAREWELL, undefined, { ref: false })];
  await Promise.race([close(), ...away]);
  client.disconnect();
}
