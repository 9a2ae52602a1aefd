/**
 * Grows the memory of a pool between runs that follow each other so closely that its threads still look for the next one. Each run
 * copies rows into the page that has just come. Run as a program: sessions, growths of each.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { detectFeatures } from '../../src/backend/wasm/features.js';
import { instantiate } from '../../src/backend/wasm/instantiate.js';
import { DeviceMemory } from '../../src/backend/wasm/memory.js';
import { loadModule } from '../../src/backend/wasm/modules.js';
import type { Operation } from '../../src/backend/wasm/operation.js';
import { Pool } from '../../src/backend/wasm/pool.js';
import { writeProgram } from '../../src/backend/wasm/program.js';
import { Runner } from '../../src/backend/wasm/runner.js';

const WORKERS = 3;
const ROWS = 64;
const COLUMNS = 37;
const STRIDE = 4 * COLUMNS;
const PAGE = 65536;

/** Opens a pool, grows its memory `growths` times with a run after each, and closes it. */
export async function growingSession(growths: number): Promise<void> {
  const memory = new DeviceMemory(true);
  const module = await loadModule(detectFeatures(), true);
  const pool = new Pool(WORKERS, { module, memory: memory.memory }, true);
  const runner = new Runner(memory, instantiate(module, memory.memory), pool);
  const table = memory.allocate(ROWS * STRIDE);
  const index = memory.allocate(ROWS * 4);
  memory.floats(table, ROWS * COLUMNS).forEach((_, i, values) => {
    values[i] = i + 1;
  });
  memory.integers(index, ROWS).forEach((_, i, rows) => {
    rows[i] = i;
  });
  const programs = Array.from({ length: growths }, (_, i) => {
    const words = [table, STRIDE, ROWS, index, 4, i, STRIDE, COLUMNS];
    const operation: Operation = { kernel: 'gatherRows', tiles: ROWS, words };
    return writeProgram([operation], memory);
  });
  const expected = memory.floats(table, ROWS * COLUMNS).slice();
  // Begins before all are there: those that start learn of the memory while it grows.
  for (const [i, program] of programs.entries()) {
    const out = memory.pages * PAGE;
    memory.memory.grow(1);
    memory.view().setUint32(outputWord(program.address), out, true);
    assert.equal(await runner.run(program, { address: 0, stride: 0 }), undefined);
    if (i % 16 === 0) assert.deepEqual(memory.floats(out, ROWS * COLUMNS), expected);
    if (pool.joined < WORKERS) await setImmediate();
  }
  await pool.close();
}

/** Where a program of one operation says where its rows go: behind its record, the sixth word. */
function outputWord(program: number): number {
  return program + 64 + 5 * 4;
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const [sessions, growths] = [Number(process.argv[2]), Number(process.argv[3])];
  for (let i = 0; i < sessions; i++) await growingSession(growths);
  process.stdout.write(`${sessions} sessions`);
}
