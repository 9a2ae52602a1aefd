/** Copies to and from a device take their turn with its runs, in the order in which they were asked for. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';

const [ROWS, COLUMNS] = [64, 96];

/** out = 2 x, behind enough other work that a copy which did not wait would come before it. */
function doubling() {
  const b = new PlanBuilder('doubling');
  const x = b.input('x', ROWS, COLUMNS);
  let sum = x;
  for (let i = 0; i < 40; i++) {
    const next = b.temporary(ROWS, COLUMNS);
    b.append({ op: 'linearCombination', terms: [{ x: sum, coefficient: i % 2 ? 0.5 : 2 }], out: next });
    sum = next;
  }
  b.append({ op: 'add', x: sum, y: x, out: b.output('out', ROWS, COLUMNS) });
  return b.build();
}

const filled = (value: number) => new Float32Array(ROWS * COLUMNS).fill(value);

for (const { name, available, detail } of await probeBackends())
  describe(`copies on ${name}`, { skip: !available && detail }, () => {
    test('event-loop-blocked: writes, runs and reads that nobody waited for keep their order', async () => {
      const device = await openDevice(name, { threads: 2, weights: 'f32' });
      const [x, out] = [device.allocate(ROWS, COLUMNS), device.allocate(ROWS, COLUMNS)];
      const weights = device.loadWeights({ read: () => assert.fail('the plan has no weights') });
      const tensors = new Map(Object.entries({ x, out }));
      const executable = await device.compile(doubling(), { weights, tensors });
      const data = filled(0);
      const asked: Promise<unknown>[] = [];
      const results: Promise<Float32Array | Int32Array>[] = [];
      for (let i = 1; i <= 5; i++) {
        // It is the caller's again as soon as the call returns.
        asked.push(x.write(data.fill(i)), executable.run());
        results.push(out.read());
      }
      data.fill(Number.NaN);
      await Promise.all(asked);
      for (const [i, result] of (await Promise.all(results)).entries())
        assert.deepEqual(result, filled(2 * (i + 1)));
      await device.dispose();
    });

    test('a run that fails does not hold up the copies behind it', async () => {
      const device = await openDevice(name, { threads: 1, weights: 'f32' });
      const b = new PlanBuilder('gather');
      const index = b.input('index', 2, 1, 'i32');
      b.append({ op: 'gatherRows', table: b.input('table', 3, 1), index, out: b.output('out', 2, 1) });
      const sizes = {
        index: device.allocate(2, 1, 'i32'),
        table: device.allocate(3, 1),
        out: device.allocate(2, 1),
      };
      const weights = device.loadWeights({ read: () => assert.fail('the plan has no weights') });
      const executable = await device.compile(b.build(), {
        weights,
        tensors: new Map(Object.entries(sizes)),
      });
      const running = [
        sizes.table.write(Float32Array.of(5, 6, 7)),
        sizes.index.write(Int32Array.of(0, 9)),
        executable.run(),
        sizes.index.write(Int32Array.of(0, 2)),
        executable.run(),
        sizes.out.read(),
      ];
      const outcomes = await Promise.allSettled(running);
      assert.deepEqual(
        outcomes.map(({ status }) => status === 'fulfilled'),
        [true, true, false, true, true, true],
      );
      assert.deepEqual(await running.at(-1), Float32Array.of(5, 7));
      await device.dispose();
    });

    test('a tensor that is disposed while its copy waits rejects it', async () => {
      const device = await openDevice(name, { threads: 1, weights: 'f32' });
      const tensors = new Map([
        ['x', device.allocate(ROWS, COLUMNS)],
        ['out', device.allocate(ROWS, COLUMNS)],
      ]);
      const weights = device.loadWeights({ read: () => assert.fail('the plan has no weights') });
      const executable = await device.compile(doubling(), { weights, tensors });
      const other = device.allocate(1, 1);
      const running = executable.run();
      const waiting = Promise.allSettled([other.write(Float32Array.of(1)), other.read()]);
      other.dispose();
      for (const outcome of await waiting) {
        assert.equal(outcome.status, 'rejected');
        assert.match(String(outcome.reason), /tensor.* has been disposed/);
      }
      await running;
      await device.dispose();
    });
  });
