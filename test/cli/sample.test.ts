/** `incache sample`: what it writes and says, and that the same request gives the same bytes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { decode } from 'fast-png';
import { backends } from '../../src/index.js';
import { readNpz } from '../support/npz.js';
import { CLI, incache, incacheAlone, Workplace } from './run.js';

/** The embedded model: 32 x 32 pixels, one channel, ten classes. */
const SIDE = 32;
const GAP = 2;
/** The one that is chosen when none is named. */
const CHOSEN = backends().find(({ available }) => available)!.name;
const STEPS = ['--steps', '4'];

const sample = (place: Workplace, ...args: string[]) => sampled(incache, place, ...args);

async function sampled(run: typeof incache, place: Workplace, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(['sample', ...STEPS, ...args], place.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

function bytesOf(place: Workplace, name: string): Uint8Array {
  return readFileSync(place.path(name));
}

describe('what is written', { concurrency: 2 }, () => {
  test('a grid of pictures, and a line for people', async () => {
    using place = new Workplace();
    const stdout = await sample(place, '--labels', '0,1,7', '--columns', '2');
    assert.deepEqual(place.files, ['samples.png']);
    const { width, height, channels, depth } = decode(bytesOf(place, 'samples.png'));
    const across = 2 * (SIDE + GAP) + GAP;
    assert.deepEqual(
      { width, height, channels, depth },
      { width: across, height: across, channels: 1, depth: 8 },
    );
    assert.match(stdout, /^samples\.png: 3 images, 4 steps, [\d.]+ GMAC, [\d.]+ s/);
    assert.match(stdout, new RegExp(`^backend ${CHOSEN}, \\d+ threads?; no cache policy; cache 0 B$`, 'm'));
  });

  test('arrays, the same pixels in a grid, and each picture by itself', async () => {
    using place = new Workplace();
    const labels = ['--labels', '3,8', '--seed', '5'];
    await sample(place, ...labels, '--out', 'samples.npz');
    await sample(place, ...labels, '--out', 'grid.png');
    await sample(place, ...labels, '--single', '--out', 'singles');
    assert.deepEqual(place.files, ['grid.png', 'samples.npz', 'singles']);
    const arrays = readNpz(place.path('samples.npz'));
    assert.deepEqual([...arrays.keys()], ['samples']);
    const { shape, data } = arrays.get('samples')!;
    assert.deepEqual(shape, [2, 1, SIDE, SIDE]);
    assert.ok(data instanceof Float32Array);
    const grid = decode(bytesOf(place, 'grid.png'));
    for (let image = 0; image < 2; image++) {
      const single = decode(bytesOf(place, `singles/000${image}.png`));
      assert.deepEqual([single.width, single.height], [SIDE, SIDE]);
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++) {
          const value = data[(image * SIDE + y) * SIDE + x]!;
          const pixel = Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
          assert.equal(single.data[y * SIDE + x], pixel);
          assert.equal(grid.data[(y + GAP) * grid.width + GAP + image * (SIDE + GAP) + x], pixel);
        }
    }
    assert.ok(new Set(data).size > 1000, 'there is something in the pictures');
  });

  test('--json is one line, --report the same in a file, and nothing is on stderr', async () => {
    using place = new Workplace();
    const args = ['--labels', '4', '--count', '3', '--policy', 'reuse', '--period', '2', '--batch', '2'];
    const stdout = await sample(place, ...args, '--json', '--report', 'run.json');
    assert.match(stdout, /^\{.*\}\n$/);
    const report = JSON.parse(stdout);
    assert.deepEqual(JSON.parse(readFileSync(place.path('run.json'), 'utf8')), report);
    assert.deepEqual(report.labels, [4, 4, 4]);
    const { images, steps, policy, period, backend, out, memory } = report;
    assert.deepEqual(
      { images, steps, policy, period, backend, out },
      { images: 3, steps: 4, policy: 'reuse', period: 2, backend: CHOSEN, out: 'samples.png' },
    );
    assert.ok(report.macs > 0 && report.milliseconds > 0 && memory.cache > 0);
  });

  test('of a policy that decides while it runs, which blocks and steps it cached', async () => {
    using place = new Workplace();
    const cache = ['--policy', 'first-block', '--threshold', '1e9', '--warmup', '2', '--max-cached', '2'];
    const args = ['--steps', '7', '--labels', '0', '--count', '2', '--batch', '1', ...cache];
    const report = JSON.parse(await sample(place, ...args, '--json'));
    assert.deepEqual(report.cachedBlocks[0], [0, 0, 7, 7, 0, 7, 7]);
    assert.equal(report.cachedBlocks.length, 2);
    assert.deepEqual([report.threshold, report.warmup, report.maxCached], [1e9, 2, 2]);
    assert.ok(!('period' in report));
    assert.match(await sample(place, ...args), /\n##\.\.#\.\.\n##\.\.#\.\.\nbackend /);
  });

  test('the backend, the policy with its own period and what it saves', async () => {
    using place = new Workplace();
    const args = ['--labels', '1', '--steps', '1', '--threads', '1'];
    assert.match(await sample(place, ...args), /: 1 image, 1 step, .*\nbackend \w+, 1 thread;/);
    const cached = ['--labels', '1', '--policy', 'taylorseer'];
    assert.match(
      await sample(place, ...cached),
      /; policy taylorseer, period 3: 0\.\d\d of the multiply-adds/,
    );
    const { period, macRatio, batch } = JSON.parse(await sample(place, ...cached, '--json'));
    assert.deepEqual([period, batch, macRatio < 1], [3, 1, true]);
  });

  test('names of options as other libraries have them', async () => {
    using place = new Workplace();
    const args = ['--labels', '1', '--num-inference-steps', '2', '--cfg-scale=3', '--json'];
    const { steps, guidanceScale } = JSON.parse(await sample(place, ...args));
    assert.deepEqual([steps, guidanceScale], [2, 3]);
  });

  test('-o - writes the picture to standard output and the rest to standard error', async () => {
    using place = new Workplace();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [CLI, 'sample', ...STEPS, '--labels', '1', '-o', '-'],
      { cwd: place.folder },
    );
    assert.equal(status, 0);
    assert.equal(decode(stdout).width, SIDE);
    assert.match(stderr.toString(), /^standard output: 1 image, 4 steps/);
    assert.deepEqual(place.files, []);
  });

  test('a report names the steps that gather, and no period that was not used', async () => {
    using place = new Workplace();
    const args = ['--labels', '1', '--policy', 'reuse', '--gather-steps', '0,3', '--json'];
    const report = JSON.parse(await sample(place, ...args));
    assert.deepEqual(report.gatherSteps, [0, 3]);
    assert.ok(!('period' in report));
    const uncached = JSON.parse(await sample(place, '--labels', '1', '--json'));
    assert.equal(uncached.policy, 'none');
    assert.ok(!('period' in uncached));
  });

  test('every class once, unless told otherwise', async () => {
    using place = new Workplace();
    const report = JSON.parse(await sample(place, '--steps', '1', '--json'));
    assert.deepEqual(report.labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('a file that is there is replaced', async () => {
    using place = new Workplace();
    await sample(place, '--labels', '0');
    const before = bytesOf(place, 'samples.png');
    await sample(place, '--labels', '1');
    assert.notDeepEqual(bytesOf(place, 'samples.png'), before);
    assert.deepEqual(place.files, ['samples.png']);
  });
});

describe('the same request gives the same bytes', { concurrency: 2 }, () => {
  const ARGS = ['--labels', '0-2', '--seed', '3', '--policy', 'reuse', '--out', 'samples.npz'];
  let place: Workplace;
  let first: Uint8Array;
  before(async () => {
    place = new Workplace();
    // Those that are compared with it are drawn in another process.
    await sampled(incacheAlone, place, ...ARGS);
    first = bytesOf(place, 'samples.npz');
  });
  after(() => place[Symbol.dispose]());

  for (const [name, args] of [
    ['again', []],
    ['in batches of 2', ['--batch', '2']],
    ['one by one', ['--batch', '1']],
    ['on 1 thread', ['--threads', '1']],
    ['on 2 threads', ['--threads', '2']],
    ['on 3 threads', ['--threads', '3']],
  ] as const)
    test(name, async () => {
      using other = new Workplace();
      await sample(other, ...ARGS, ...args);
      assert.ok(Buffer.compare(bytesOf(other, 'samples.npz'), first) === 0, 'the bytes differ');
    });

  for (const args of [
    ['--seed', '4'],
    ['--policy', 'none'],
    ['--guidance-scale', '2'],
    ['--sampler', 'dpm++2m'],
  ])
    test(`but not with ${args.join(' ')}`, async () => {
      using other = new Workplace();
      await sample(other, ...ARGS, ...args);
      assert.ok(Buffer.compare(bytesOf(other, 'samples.npz'), first) !== 0, 'the bytes are the same');
    });
});
