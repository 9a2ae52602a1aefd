import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Allocator } from '../../src/backend/wasm/allocator.js';

const LIMIT = 20_000;

test('blocks are aligned, never overlap, and are merged when all are freed', () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 3000 }), free: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let end = 1024;
      const allocator = new Allocator(1024, (wanted) => {
        if (wanted > LIMIT) return false;
        end = wanted;
        return true;
      });
      const blocks: { address: number; size: number }[] = [];
      for (const { bytes, free, which } of steps) {
        if (free && blocks.length > 0) {
          const [block] = blocks.splice(which % blocks.length, 1);
          allocator.free(block!.address);
        } else {
          const address = allocator.allocate(bytes);
          if (address === undefined) continue;
          const size = Math.ceil(bytes / 64) * 64;
          assert.equal(address % 64, 0);
          assert.ok(address >= 1024 && address + size <= end);
          for (const other of blocks)
            assert.ok(address + size <= other.address || other.address + other.size <= address);
          blocks.push({ address, size });
        }
        assert.equal(
          allocator.inUse,
          blocks.reduce((sum, { size }) => sum + size, 0),
        );
      }
      for (const { address } of blocks) allocator.free(address);
      if (end > 1024) assert.equal(allocator.allocate(end - 1024), 1024, 'free blocks were not merged');
      assert.equal(end > LIMIT, false);
    }),
  );
});

test('a memory that cannot grow gives nothing, and still serves what fits', () => {
  const allocator = new Allocator(0, (end) => end <= 640);
  assert.equal(allocator.allocate(1000), undefined);
  assert.equal(allocator.inUse, 0);
  assert.equal(allocator.allocate(640), 0);
  assert.equal(allocator.allocate(1), undefined);
  allocator.free(0);
  assert.equal(allocator.allocate(64), 0);
});

test('freeing what was not allocated throws', () => {
  const allocator = new Allocator(0, () => true);
  const address = allocator.allocate(10)!;
  allocator.free(address);
  assert.throws(() => allocator.free(address), /no block/);
});
