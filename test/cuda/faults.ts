/** Plugins, drivers and GPUs that are absent or broken, as the emulator plays them. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { ROOT, run } from '../native/tools.js';
import { temporaryFolder } from '../support/folder.js';
import { bind, blockPlan } from '../wasm/block.js';
import { enter, type Place } from './places.js';

const statusOfCuda = () => backends().find(({ name }) => name === 'cuda')!;

export function testFaults(place: Place): void {
  describe(`faults on ${place.name}`, { skip: place.skip }, () => {
    const folder = temporaryFolder();
    afterEach(() => enter(place));

    /** Compiles C to a shared object that takes the place of the plugin. */
    function pretend(name: string, source: string): string {
      const [from, to] = [join(folder, `${name}.c`), join(folder, `${name}.so`)];
      writeFileSync(from, source);
      run(process.env.CC ?? 'cc', ['-shared', '-fPIC', from, '-o', to]);
      return to;
    }

    async function assertAbsent(changes: Record<string, string>, reason: RegExp): Promise<void> {
      enter(place, changes);
      const { available, detail } = statusOfCuda();
      assert.equal(available, false, detail);
      assert.match(detail, reason);
      await assert.rejects(openDevice('cuda'), { name: 'ArgumentError', message: /'cuda' is absent: / });
      const chosen = await openDevice();
      assert.notEqual(chosen.backend, 'cuda');
      await chosen.dispose();
    }

    test('no plugin, or one that cannot be used', async () => {
      await assertAbsent(
        { INCACHE_CUDA_LIBRARY: join(folder, 'none.so') },
        /none\.so: cannot open shared object file/,
      );
      const stranger = pretend('stranger', 'int nothing;');
      await assertAbsent({ INCACHE_CUDA_LIBRARY: stranger }, /stranger\.so is no plugin of incache$/);
      const table = (version: string) =>
        `static const struct { const char *version; unsigned long long layout; } table = {"${version}", 1};\n` +
        'const void *incache_cuda_plugin(void) { return &table; }\n';
      const old = pretend('old', table('0.0.1'));
      await assertAbsent(
        { INCACHE_CUDA_LIBRARY: old },
        /old\.so is of version 0\.0\.1; expected \d+\.\d+\.\d+$/,
      );
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      const other = pretend('other', table(version));
      await assertAbsent(
        { INCACHE_CUDA_LIBRARY: other },
        /other\.so was built from other sources or by another compiler/,
      );
    });

    test('no driver, an old one, no GPU, an old one', async () => {
      await assertAbsent({ INCACHE_EMULATED_DRIVER: '0' }, /^there is no CUDA driver$/);
      await assertAbsent(
        { INCACHE_EMULATED_DRIVER: '12080' },
        /^the driver is for CUDA 12\.8; expected 13\.0 or later$/,
      );
      await assertAbsent({ INCACHE_EMULATED_DEVICES: '0' }, /^the driver finds no GPU$/);
      await assertAbsent(
        { INCACHE_EMULATED_CAPABILITY: '75' },
        /^emulated sm_75 has compute capability 7\.5; expected 8\.0 or more$/,
      );
    });

    test('kernels that have to be asked for', async () => {
      for (const names of ['', '1', 'stacked', 'alternating,wide,stacked,attention,narrow,convolution']) {
        enter(place, { INCACHE_CUDA_UNPROVEN: names });
        await (await openDevice('cuda')).dispose();
      }
      for (const names of ['stacke', 'stacked, wide', '2']) {
        enter(place, { INCACHE_CUDA_UNPROVEN: names });
        await assert.rejects(
          openDevice('cuda'),
          /^\w+: .*INCACHE_CUDA_UNPROVEN names '(stacke| wide|2)'; expected 1, or alternating, wide, stacked, attention, narrow, convolution with/,
        );
      }
    });

    test('several GPUs, each by its number', async () => {
      enter(place, { INCACHE_EMULATED_DEVICES: '2' });
      for (const device of [await openDevice('cuda:1'), await openDevice('cuda', { deviceIndex: 1 })]) {
        assert.throws(() => device.allocate(2 ** 30, 2 ** 10), /^OutOfMemoryError: cuda:1 is out of memory/);
        await device.dispose();
      }
      await assert.rejects(
        openDevice('cuda:2'),
        /deviceIndex is 2; .* there are 2 GPUs, the last one cuda:1$/,
      );
    });

    test('memory that runs out in the middle', async () => {
      enter(place, { INCACHE_EMULATED_MEMORY: String(2 ** 20) });
      const device = await openDevice('cuda');
      const kept = device.allocate(256, 512);
      assert.throws(() => device.allocate(256, 1024), {
        name: 'OutOfMemoryError',
        message: 'cuda:0 is out of memory: asked for 1.0 MiB with 512 KiB in use of at most 1.0 MiB',
      });
      enter(place, { INCACHE_EMULATED_MEMORY: String(2 ** 19 + 2 ** 17) });
      const inUse = device.memoryInUse;
      await assert.rejects(bind(device, blockPlan()), { name: 'OutOfMemoryError' });
      await kept.write(new Float32Array(256 * 512).fill(3));
      assert.equal((await kept.read())[1000], 3);
      assert.ok(device.memoryInUse >= inUse);
      enter(place);
      await (await bind(device, blockPlan())).executable.run();
      await device.dispose();
    });

    test('a kernel that cannot be launched', async () => {
      const device = await openDevice('cuda');
      enter(place, { INCACHE_EMULATED_FAULT: 'launch' });
      await assert.rejects(bind(device, blockPlan()), {
        name: 'IncacheError',
        message: /^cuda:0: \w+( of [\w.]+)? cannot be launched: invalid configuration argument$/,
      });
      enter(place);
      await (await bind(device, blockPlan())).executable.run();
      await device.dispose();
    });

    test('a GPU that is lost', async () => {
      const device = await openDevice('cuda');
      const { executable, tensors } = await bind(device, blockPlan());
      enter(place, { INCACHE_EMULATED_FAULT: 'work' });
      const tensor = tensors.get('x')!;
      await assert.rejects(
        executable.run(),
        /^IncacheError: cuda:0: its work has failed: unspecified launch failure$/,
      );
      // What a kernel has broken stays broken, also where it does not show any more.
      enter(place);
      const lost =
        /^IncacheError: cuda:0: it is lost until the process ends, since its work has failed: unspecified launch failure$/;
      await assert.rejects(tensor.read(), lost);
      assert.throws(() => device.allocate(1, 1), lost);
      await assert.rejects(executable.run(), lost);
      await assert.rejects(bind(device, blockPlan()), lost);
      await device.dispose();
      const next = await openDevice('cuda');
      assert.equal((await next.allocate(1, 1).read()).length, 1);
      await next.dispose();
    });
  });
}
