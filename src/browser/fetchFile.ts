/** A file of an address, with progress. */
import { IncacheError } from '../errors.js';
import { sha256 } from '../platform/browser/hash.js';
import { keepFile, keptFile } from './keptFiles.js';

export interface FetchOptions {
  /** Whether it stays with the browser; one that was kept is not asked for again. */
  readonly keep?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes so far, and all, 0 where the server does not say. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Throws an `IncacheError` that names the address, or the reason of `signal`. */
export async function fetchFile(address: string, options: FetchOptions = {}): Promise<Blob> {
  const { keep = false, signal } = options;
  const name = keptName(address);
  const kept = keep ? await keptFile(name) : undefined;
  if (kept && kept.size > 0) return kept;
  try {
    const response = await fetch(address, signal ? { signal } : {});
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    if (!response.body) throw new Error('the answer is empty');
    const stream = counted(response, options);
    const file = keep ? await keepFile(name, stream) : undefined;
    return file ?? (await new Response(stream).blob());
  } catch (error) {
    signal?.throwIfAborted();
    throw new IncacheError(`cannot fetch ${address}: ${(error as Error).message}`, { cause: error });
  }
}

function counted(response: Response, { onProgress }: FetchOptions): ReadableStream<Uint8Array> {
  const total = Number(response.headers.get('content-length') ?? 0);
  let done = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      done += chunk.length;
      onProgress?.(done, total);
      controller.enqueue(chunk);
    },
  });
  return (response.body as ReadableStream<Uint8Array>).pipeThrough(counter);
}

function keptName(address: string): string {
  const hash = sha256();
  hash.update(address);
  return `file-${hash.digest()}`;
}
