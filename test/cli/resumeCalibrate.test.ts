/**
 * A calibration that is kept in a folder, whatever happens to it: its factors are those of one that nothing happened to, to the
 * bit, or a sentence says why not. `INCACHE_KILLS=20` kills more often than the few times of the suite.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Random } from '../support/random.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { CLI, ended, incache, incacheAlone, start, until, Workplace } from './run.js';

const KILLS = Number(process.env.INCACHE_KILLS ?? 3);

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));

const COMMAND = ['calibrate', '--model', tiny, '--steps', '10', '--batch', '1', '--rank', '4', '--json'];
const WHITENED = [...COMMAND, '--method', 'whitened'];
const kept = (args: readonly string[], out: string) => [...args, '--resume', 'run', '--out', out];

interface Undisturbed {
  readonly factors: Uint8Array;
  readonly milliseconds: number;
}
const undisturbedRuns = new Map<string, Promise<Undisturbed>>();

/** The factors of a run that nothing happens to, and how long it took: once for all tests that ask for the same. */
function undisturbed(args: readonly string[]): Promise<Undisturbed> {
  const key = args.join(' ');
  const run = undisturbedRuns.get(key) ?? runUndisturbed(args);
  undisturbedRuns.set(key, run);
  return run;
}

async function runUndisturbed(args: readonly string[]): Promise<Undisturbed> {
  using place = new Workplace();
  const started = performance.now();
  const run = await incacheAlone([...args, '--out', 'whole'], place.folder);
  assert.equal(run.code, 0, run.stderr);
  return { factors: readFileSync(place.path('whole')), milliseconds: performance.now() - started };
}

function partsIn(place: Workplace): string[] {
  return existsSync(place.path('run')) ? readdirSync(place.path('run')) : [];
}

describe('a calibration in a folder', { concurrency: 1 }, () => {
  for (const more of [
    ['--count', '60'],
    ['--count', '20', '--spread'],
  ])
    test(`killed at random moments: ${more.join(' ')}`, async () => {
      using place = new Workplace();
      const args = [...WHITENED, ...more];
      const whole = await undisturbed(args);
      const random = new Random(21);
      for (let killed = 0; killed < KILLS; killed++) {
        const child = start(kept(args, 'kept'), place.folder);
        const result = ended(child);
        await Promise.race([result, setTimeout((0.2 + 0.8 * random.uniform()) * whole.milliseconds)]);
        child.kill('SIGKILL');
        await result;
      }
      const { code, stderr } = await incacheAlone(kept(args, 'kept'), place.folder);
      assert.equal(code, 0, stderr);
      assert.deepEqual(readFileSync(place.path('kept')), whole.factors);
      assert.deepEqual(
        place.files.filter((name) => name.startsWith('.')),
        [],
      );
    });

  test('killed after the first batch and after the first layer, it goes on from there', async () => {
    using place = new Workplace();
    const args = [...WHITENED, '--count', '60'];
    const whole = await undisturbed(args);
    const killedWhen = async (done: () => boolean) => {
      const child = start(kept(args, 'kept'), place.folder);
      const result = ended(child);
      await until(done, child);
      child.kill('SIGKILL');
      await result;
    };
    await killedWhen(() => partsIn(place).includes('sums.safetensors'));
    const sums = readFileSync(place.path('run/sums.safetensors'));
    await killedWhen(() => partsIn(place).some((name) => name.startsWith('layer.')));
    assert.notDeepEqual(readFileSync(place.path('run/sums.safetensors')), sums);
    const first = partsIn(place).filter((name) => name.startsWith('layer.'));
    assert.ok(!existsSync(place.path('kept')), 'killed before the factors were written');
    const { code, stderr } = await incacheAlone(kept(args, 'kept'), place.folder);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readFileSync(place.path('kept')), whole.factors);
    assert.ok(first.length < partsIn(place).filter((name) => name.startsWith('layer.')).length);
  });

  test('what decides the factors is asked for: another seed, rank or batch is refused', async () => {
    using place = new Workplace();
    const args = [...COMMAND, '--count', '4'];
    assert.equal((await incache(kept(args, 'kept'), place.folder)).code, 0);
    for (const [option, value, was] of [
      ['seed', '1', '0'],
      ['rank', '3', '4'],
      ['batch', '2', '1'],
      ['order', '1', 'not given'],
    ] as const) {
      const again = await incache([...kept(args, 'other'), `--${option}`, value], place.folder);
      assert.deepEqual([again.code, again.stdout], [2, '']);
      assert.equal(
        again.stderr,
        `incache: resume is 'run'; expected the folder of this run; in it ${option} is ${was}, not ${value}\n`,
      );
    }
    assert.deepEqual(place.files, ['kept', 'run']);
  });

  test('a second call is refused at once, and the first one is not disturbed', async () => {
    using place = new Workplace();
    const args = [...COMMAND, '--count', '60'];
    const whole = await undisturbed(args);
    const first = start(kept(args, 'first'), place.folder);
    const result = ended(first);
    await until(() => partsIn(place).some((name) => name.startsWith('.lock-held')), first);
    // Else the first run may be over before the second one looks.
    first.kill('SIGSTOP');
    const second = await incacheAlone(kept(args, 'second'), place.folder);
    first.kill('SIGCONT');
    assert.equal(
      second.stderr,
      `incache: resume is 'run'; expected a folder that no run is using; process ${first.pid} is at work in it\n`,
    );
    assert.equal(second.code, 2);
    assert.equal((await result).code, 0);
    assert.deepEqual(readFileSync(place.path('first')), whole.factors);
    assert.deepEqual(place.files, ['first', 'run']);
    assert.deepEqual(
      partsIn(place).filter((name) => name.startsWith('.')),
      [],
    );
  });

  const bash = spawnSync('bash', ['-c', 'ulimit -f 100']).status === 0 ? false : 'no bash with ulimit';
  test('a full disk: what fitted is kept, and goes on where there is room', { skip: bash }, async () => {
    using place = new Workplace();
    const args = [...COMMAND, '--count', '4', '--rank', '8'];
    const whole = await undisturbed(args);
    // The sums and the layers fit into files of 20 KiB, the factors do not.
    const command = kept(args, 'kept');
    const child = spawn(
      'bash',
      ['-c', 'ulimit -f 20; exec "$@"', 'bash', process.execPath, CLI, ...command],
      {
        cwd: place.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const { code, stdout, stderr } = await ended(child);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(
      stderr,
      /^incache: cannot write \S+: EFBIG: .*; what was measured before is kept, call again to go on\n$/,
    );
    assert.deepEqual(place.files, ['run']);
    const parts = partsIn(place);
    assert.equal(parts.length, 13, parts.join());
    assert.equal((await incacheAlone(command, place.folder)).code, 0);
    assert.deepEqual(readFileSync(place.path('kept')), whole.factors);
  });
});
