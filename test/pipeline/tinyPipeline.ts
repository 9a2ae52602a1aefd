/** A pipeline on a random model of its own, and what tests ask of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { type TinyModelOptions, writeTinyModel } from '../support/tinyModel.js';

/** Two threads, so that what threads share is shared. */
const THREADS = 2;

export const PRESENT = backends()
  .filter(({ available }) => available)
  .map(({ name }) => name);

/** Loads a tiny model, and disposes of it after the use. */
export async function withTinyPipeline<T>(
  backend: string,
  options: TinyModelOptions,
  use: (pipeline: Pipeline) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'incache-pipeline-'));
  try {
    await using pipeline = await loadTiny(folder, backend, options);
    return await use(pipeline);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One for all tests of the suite it is called in. */
export function sharedPipeline(backend: string, options: TinyModelOptions = {}): () => Pipeline {
  const folder = temporaryFolder();
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await loadTiny(folder, backend, options);
  });
  after(() => pipeline.dispose());
  return () => pipeline;
}

function loadTiny(folder: string, backend: string, options: TinyModelOptions): Promise<Pipeline> {
  const path = writeTinyModel(join(folder, 'tiny.safetensors'), options);
  return Pipeline.load(path, { backend, threads: THREADS });
}

/** Bytes that are in use beside what runs have left for others like them. */
export function memoryInUse(pipeline: Pipeline): number {
  pipeline.releaseSessions();
  return pipeline.device.memoryInUse;
}

/** Fails unless the two hold the same numbers, bit for bit, and numbers indeed. */
export function assertSame(actual: Float32Array, expected: Float32Array, what = 'the latents'): void {
  assert.ok(expected.every(Number.isFinite), `${what} are not finite`);
  assert.ok(Buffer.compare(bytesOf(actual), bytesOf(expected)) === 0, `${what} differ`);
}

export function assertDiffer(actual: Float32Array, expected: Float32Array, what = 'the latents'): void {
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(bytesOf(actual), bytesOf(expected)) !== 0, `${what} are the same`);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
