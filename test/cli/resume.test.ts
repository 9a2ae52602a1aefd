/**
 * Runs that are kept in a folder, whatever happens to them: the final figures are those of a run that nothing happened
 * to, or a sentence says why not. `INCACHE_KILLS=20` kills more often than the few times of the suite.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { detectFeatures } from '../../src/backend/wasm/features.js';
import { backends } from '../../src/index.js';
import { Random } from '../support/random.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { CLI, ended, incacheAlone, start, until, Workplace } from './run.js';

const KILLS = Number(process.env.INCACHE_KILLS ?? 3);

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));

const RUN = ['evaluate', '--model', tiny, '--steps', '3', '--policy', 'reuse', '--compare', '--json'];
const IMAGES = ['--images', '300', '--batch', '4'];

/** Of RUN with IMAGES, when nothing happens to it: its report without times, its images, and how long it took. */
async function undisturbed() {
  const started = performance.now();
  const run = await incacheAlone([...RUN, ...IMAGES, '--npz', 'whole.npz'], inputs.folder);
  assert.equal(run.code, 0, run.stderr);
  const milliseconds = performance.now() - started;
  return { report: untimed(run.stdout), images: readFileSync(inputs.path('whole.npz')), milliseconds };
}

function untimed(json: string): unknown {
  const { millisecondsPerImage: _, uncachedMillisecondsPerImage: __, ...report } = JSON.parse(json);
  return report;
}

describe('a run in a folder', { concurrency: 1 }, () => {
  let whole: Awaited<ReturnType<typeof undisturbed>>;
  before(async () => {
    whole = await undisturbed();
  });

  test('killed at random moments', async () => {
    using place = new Workplace();
    const args = [...RUN, ...IMAGES];
    const kept = [...args, '--npz', 'kept.npz', '--resume', 'run'];
    const random = new Random(20);
    let killed = 0;
    let longest = whole.milliseconds;
    for (let attempt = 0; killed < KILLS; attempt++) {
      const child = start(kept, place.folder);
      const result = ended(child);
      const left = await Promise.race([result, setTimeout((0.2 + 0.8 * random.uniform()) * longest)]);
      // What was not over in time starts from where it was; what was, is the result, and begins anew elsewhere.
      if (left) {
        assert.equal(left.code, 0, left.stderr);
        assert.deepEqual(untimed(left.stdout), whole.report);
        kept[kept.length - 1] = `run${attempt}`;
        // The undisturbed run may have met a busier machine.
        longest *= 0.7;
        continue;
      }
      child.kill('SIGKILL');
      await result;
      killed++;
    }
    const { code, stdout, stderr } = await incacheAlone(kept, place.folder);
    assert.equal(code, 0, stderr);
    assert.deepEqual(untimed(stdout), whole.report);
    assert.deepEqual(readFileSync(place.path('kept.npz')), whole.images);
    assert.deepEqual(
      place.files.filter((name) => name.startsWith('.')),
      [],
    );
  });

  test('resume-twice: the second call is refused at once, the first one is not disturbed', async () => {
    using place = new Workplace();
    const args = [...RUN, ...IMAGES];
    const kept = (name: string) => [...args, '--npz', name, '--resume', 'run'];
    const first = start(kept('first.npz'), place.folder);
    const result = ended(first);
    const isHeld = () => {
      const names = existsSync(place.path('run')) ? readdirSync(place.path('run')) : [];
      return names.some((name) => name.startsWith('.lock-held'));
    };
    await until(isHeld, first);
    // Else the first run may be over before the second one looks.
    first.kill('SIGSTOP');
    const second = await incacheAlone(kept('second.npz'), place.folder);
    first.kill('SIGCONT');
    assert.equal(second.code, 2, second.stdout);
    assert.equal(
      second.stderr,
      `incache: resume is 'run'; expected a folder that no run is using; process ${first.pid} is at work in it\n`,
    );
    const { code, stdout, stderr } = await result;
    assert.equal(code, 0, stderr);
    assert.deepEqual(untimed(stdout), whole.report);
    assert.deepEqual(readFileSync(place.path('first.npz')), whole.images);
    assert.ok(!existsSync(place.path('second.npz')));
    assert.deepEqual(readdirSync(place.path('run')).sort(), ['images.bytes', 'state.safetensors']);
  });

  const bash = spawnSync('bash', ['-c', 'ulimit -f 100']).status === 0 ? false : 'no bash with ulimit';
  test('disk-full-resume: what fitted is kept, and goes on where there is room', { skip: bash }, async () => {
    using place = new Workplace();
    const args = [...RUN, ...IMAGES, '--npz', 'images.npz', '--resume', 'run'];
    // Files of at most 40 KiB: 212 images, and the last batch that fits ends there.
    const child = spawn('bash', ['-c', 'ulimit -f 40; exec "$@"', 'bash', process.execPath, CLI, ...args], {
      cwd: place.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { code, stdout, stderr } = await ended(child);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(
      stderr,
      /^incache: cannot write run\/images\.bytes: EFBIG: .*; 212 images are kept, call again to go on\n$/,
    );
    assert.deepEqual(place.files, ['run']);
    const resumed = await incacheAlone(args, place.folder);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.deepEqual(untimed(resumed.stdout), whole.report);
    assert.deepEqual(readFileSync(place.path('images.npz')), whole.images);
  });

  test('kernels of other bits do not go on with it', async () => {
    using place = new Workplace();
    const native = backends().some(({ name, available }) => name === 'native' && available);
    const run = (isa: string | undefined, ...more: string[]) => {
      const env = { ...process.env, ...(isa !== undefined && { INCACHE_ISA: isa }) };
      const args = [CLI, ...RUN, '--images', '8', '--resume', 'run', ...more];
      return ended(spawn(process.execPath, args, { cwd: place.folder, env }));
    };
    const others: [string | undefined, ...string[]] = native
      ? ['portable', '--backend', 'native']
      : [undefined, '--backend', 'wasm', '--weights', 'int8'];
    const first = await run(undefined, ...(others.slice(1, 3) as string[]));
    assert.equal(first.code, 0, first.stderr);
    const second = await run(...others);
    assert.deepEqual([second.code, second.stdout], [2, '']);
    assert.match(second.stderr, /in it arithmetic is "f32 .*", not "(f32 portable|int8 .*)"/);
    const again = await run(undefined, ...(others.slice(1, 3) as string[]));
    assert.deepEqual(untimed(again.stdout), untimed(first.stdout));
  });

  test('a device says when its bits may differ', async () => {
    const features = detectFeatures();
    const of = async (relaxed: boolean, weights: 'f32' | 'int8') => {
      const device = await openWasmDevice({ threads: 1, weights }, { features: { ...features, relaxed } });
      await device.dispose();
      return device.arithmetic;
    };
    assert.equal(await of(false, 'f32'), 'f32 SIMD');
    assert.equal(await of(false, 'int8'), 'int8 SIMD');
    if (features.relaxed) assert.equal(await of(true, 'f32'), 'f32 relaxed SIMD');
  });
});
