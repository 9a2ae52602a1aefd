/** Clients in a thread of their own, each of which sends its next request when the last is answered. */
import { parentPort, Worker, workerData } from 'node:worker_threads';

export interface ClientsOptions {
  readonly address: string;
  readonly clients: number;
  readonly seconds: number;
  /** Body of a request; each has another seed. */
  readonly body: object;
}

export interface ClientsFigures {
  /** Milliseconds of each answered request, sorted. */
  readonly latencies: readonly number[];
  /** Answers of another status than 200, and requests without an answer. */
  readonly errors: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
}

/** Sends requests for so many seconds and waits for the last answers. */
export function runClients(options: ClientsOptions): Promise<ClientsFigures> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
}

async function load({ address, clients, seconds, body }: ClientsOptions): Promise<ClientsFigures> {
  const latencies: number[] = [];
  let errors = 0;
  let seed = 0;
  const start = performance.now();
  const ask = async () => {
    while (performance.now() - start < 1000 * seconds) {
      const begun = performance.now();
      const response = await fetch(`${address}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, seed: seed++ }),
      }).catch(() => undefined);
      await response?.arrayBuffer();
      if (response?.status === 200) latencies.push(performance.now() - begun);
      else errors++;
    }
  };
  await Promise.all(Array.from({ length: clients }, ask));
  latencies.sort((a, b) => a - b);
  return { latencies, errors, seconds: (performance.now() - start) / 1000 };
}

if (parentPort && workerData) parentPort.postMessage(await load(workerData as ClientsOptions));
