/** A run ends early when its signal is aborted, in the middle of an operation too; a device waits for its runs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device, DeviceTensor, Executable } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { withTinyPipeline } from '../pipeline/tinyPipeline.js';
import { SKIP } from './present.js';

const POISON = 7;

/** One attention over as many tokens. Of 8,192 it takes 137 GFLOP. */
function attentionPlan(tokens: number): Plan {
  const b = new PlanBuilder('attention');
  const x = b.input('x', tokens, 512);
  const lengths = { queryLength: tokens, keyLength: tokens, heads: 8, scale: 0.125 };
  b.append({ op: 'attention', q: x, k: x, v: x, ...lengths, out: b.output('out', tokens, 512) });
  return b.build();
}

/** A tensor copied from one buffer to the next so often that it takes minutes, and to the output at last. */
function longPlan(): Plan {
  const b = new PlanBuilder('long');
  const x = b.input('x', 512, 2048);
  let from = x;
  for (let i = 0; i < 2000; i++) {
    const to = b.temporary(512, 2048);
    b.append({ op: 'linear', x: from, weight: b.weight('w', 2048, 2048), epilogue: 'none', out: to });
    from = to;
  }
  b.append({ op: 'add', x: from, y: x, out: b.output('out', 512, 2048) });
  return b.build();
}

async function bind(device: Device, plan: Plan): Promise<{ executable: Executable; out: DeviceTensor }> {
  const weights = device.loadWeights({ read: () => new Float32Array(2048 * 2048).fill(1 / 2048) });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, rows, columns } of plan.buffers)
    if (role === 'input' || role === 'output') {
      tensors.set(name, device.allocate(rows, columns));
      await tensors.get(name)!.write(new Float32Array(rows * columns).fill(role === 'input' ? 1 : POISON));
    }
  return { executable: await device.compile(plan, { weights, tensors }), out: tensors.get('out')! };
}

describe('a run with a signal', { skip: SKIP }, () => {
  for (const threads of [1, 2])
    for (const [name, plan] of [
      ['one large operation', attentionPlan(8192)],
      ['many operations', longPlan()],
    ] as const)
      test(`${name} on ${threads} threads is left unfinished`, async () => {
        const device = await openDevice('native', { threads });
        const { executable, out } = await bind(device, plan);
        const controller = new AbortController();
        const running = executable.run(controller.signal);
        const outcome = assert.rejects(running, { name: 'AbortError' });
        await sleep(20);
        controller.abort();
        await outcome;
        // Whole: the last task or operation has not been taken.
        assert.ok((await out.read()).includes(POISON), 'the run has gone on to its end');
        const small = await bind(device, attentionPlan(16));
        await small.executable.run(new AbortController().signal);
        assert.ok(!(await small.out.read()).includes(POISON), 'the device runs no more');
        await device.dispose();
      });

  test('its reason is what the run is rejected with', async () => {
    const device = await openDevice('native', { threads: 1 });
    const { executable, out } = await bind(device, attentionPlan(16));
    const reason = new Error('enough');
    await assert.rejects(executable.run(AbortSignal.abort(reason)), reason);
    assert.deepEqual(new Set(await out.read()), new Set([POISON]));
    await device.dispose();
  });

  test('that is aborted while it waits for its turn never starts', async () => {
    const device = await openDevice('native', { threads: 1 });
    const [first, second] = [await bind(device, attentionPlan(1024)), await bind(device, attentionPlan(16))];
    const controller = new AbortController();
    const before = first.executable.run();
    const waiting = assert.rejects(second.executable.run(controller.signal), { name: 'AbortError' });
    controller.abort();
    await Promise.all([before, waiting]);
    assert.deepEqual(new Set(await second.out.read()), new Set([POISON]));
    await device.dispose();
  });

  test('of sampling reaches every run, and its listeners go', async () => {
    await withTinyPipeline('native', {}, async (pipeline) => {
      const { signal } = new AbortController();
      const given: (AbortSignal | undefined)[] = [];
      const compile = pipeline.device.compile.bind(pipeline.device);
      pipeline.device.compile = async (plan, bindings) => {
        const executable = await compile(plan, bindings);
        const run = executable.run.bind(executable);
        executable.run = (some) => {
          given.push(some);
          return run(some);
        };
        return executable;
      };
      await pipeline.generate({ labels: [1], steps: 3, signal });
      await pipeline.generate({
        labels: [1],
        steps: 3,
        cache: { policy: 'teacache', threshold: 0.1 },
        signal,
      });
      assert.ok(given.length >= 8, `${given.length} runs`);
      assert.ok(given.every((some) => some === signal));
    });
  });
});

test('a device that is disposed waits for the run under way', { skip: SKIP }, async () => {
  const device = await openDevice('native', { threads: 1 });
  const { executable } = await bind(device, attentionPlan(1024));
  let ended = false;
  const running = executable.run().then(() => {
    ended = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  await device.dispose();
  assert.ok(ended, 'the device was closed under the run');
  await running;
});
