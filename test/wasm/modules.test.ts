/**
 * What the compiled modules must not contain: instructions that trap when another thread has just grown the memory.
 * V8 checks them against the size that the thread knows, plain loads and stores by the protection of pages.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import asc from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';

const BULK = /\b(?:memory\.(?:copy|fill|init)|data\.drop|table\.\w+)/g;
/** An atomic instruction and its address. */
const ATOMIC = /\(\w+\.atomic\.(?!fence)[^\n]*\s+\(([^\n]*?)\)/g;
/** Bytes of the control block, which no growth moves or makes. */
const CONTROL_BYTES = 1024;

const read = (name: string) => readFileSync(new URL(`../../wasm/${name}.wasm`, import.meta.url));

function textOf(bytes: Uint8Array): string {
  const module = binaryen.readBinary(bytes);
  const text = module.emitText();
  module.dispose();
  return text;
}

for (const name of ['simd', 'relaxed', 'simd-shared', 'relaxed-shared'])
  test(`wasm-grow-race: ${name} has no bulk memory operation, and atomics in the control block alone`, () => {
    const text = textOf(read(name));
    assert.match(text, /f32x4\.add/, 'the text has the instructions');
    assert.deepEqual(text.match(BULK), null);
    const atomics = [...text.matchAll(ATOMIC)].map(([, address]) => /^i32\.const (\d+)$/.exec(address!)?.[1]);
    assert.equal(atomics.length > 0, name.endsWith('shared'));
    for (const address of atomics) assert.ok(Number(address) < CONTROL_BYTES, `an atomic at ${address}`);
  });

test('the check finds both kinds in a module that has them', async () => {
  const source = `
    export function f(a: usize): void { memory.fill(a, 0, 9); memory.copy(a, a + 64, 9); }
    export function g(a: usize): void { atomic.add<i32>(a, 1); }`;
  const { binary } = await asc.compileString(source, {
    runtime: 'stub',
    enable: ['threads', 'bulk-memory'],
    importMemory: true,
    sharedMemory: true,
    initialMemory: 1,
    maximumMemory: 2,
  });
  const text = textOf(binary!);
  assert.deepEqual([...new Set(text.match(BULK))].sort(), ['memory.copy', 'memory.fill']);
  assert.deepEqual(
    [...text.matchAll(ATOMIC)].map(([, address]) => address),
    ['local.get $0'],
  );
});
