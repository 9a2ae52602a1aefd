/** Metrics of all workers of a queue, as its servers show them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { Living } from './living.js';

/** Seconds between two times that a worker tells its metrics, and after which those of one that tells none are forgotten. */
const [EVERY, FORGOTTEN] = [5, 30];

/** Tells metrics, each with a label `worker`, until it is disposed. */
export function publishMetrics(
  registry: Registry,
  client: Redis,
  fingerprint: string,
  onError: (error: unknown) => void,
): Disposable {
  const worker = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  registry.setDefaultLabels({ worker });
  const workers = workersOf(client, fingerprint);
  const tell = async () => {
    if (client.status === 'ready')
      await workers.say(worker, JSON.stringify(await registry.getMetricsAsJSON()), FORGOTTEN);
  };
  const timer = setInterval(() => void tell().catch(onError), 1000 * EVERY);
  client.once('ready', () => void tell().catch(onError));
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** The text of the metrics of a server and of the workers of its queue; of the server alone while Redis is away. */
export async function metricsText(own: Registry, client: Redis, fingerprint: string): Promise<string> {
  if (client.status !== 'ready') return own.metrics();
  const told = [...(await workersOf(client, fingerprint).all()).values()];
  const workers = told.map((each) => JSON.parse(each) as object);
  return AggregatorRegistry.aggregate([await own.getMetricsAsJSON(), ...workers]).metrics();
}

function workersOf(client: Redis, fingerprint: string): Living {
  return new Living(client, `workers:${fingerprint}`);
}
