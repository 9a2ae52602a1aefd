/** `incache choose-rank`: tries ranks on images of another seed and writes the factors cut down to the chosen one. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { chosenTrial, type RankTrial } from '../../src/evaluate/runs/tryRanks.js';
import { incache, Workplace } from './run.js';

const place = new Workplace();
after(() => place[Symbol.dispose]());
const run = (...args: string[]) => incache([...args, '--steps', '4'], place.folder);

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

describe('choose-rank', () => {
  before(() => succeed('calibrate', '--method', 'svd', '--rank', '20', '--seed', '6'));
  const choose = ['choose-rank', '--factors', 'factors.safetensors', '--ranks', '2,20,8', '--count', '3'];

  test('the least error; trials are what incache evaluate measures', async () => {
    const { chosen, trials } = JSON.parse(await succeed(...choose, '--json'));
    assert.deepEqual(
      trials.map(({ rank }: RankTrial) => rank),
      [2, 20, 8],
    );
    const least = Math.min(...trials.map((trial: RankTrial) => trial.relativeL2));
    assert.equal(trials.find(({ rank }: RankTrial) => rank === chosen).relativeL2, least);
    const factors = FactorSet.load(place.path('factors.safetensors'));
    assert.deepEqual(
      FactorSet.load(place.path('chosen.safetensors')).layers,
      factors.truncated(chosen).layers,
    );
    const args = [
      '--policy',
      'calibrated',
      '--factors',
      'chosen.safetensors',
      '--images',
      '3',
      '--seed',
      // The one behind that of the factors, which is 0 where nothing is drawn at random.
      String(factors.info.seed + 1),
    ];
    const evaluated = JSON.parse(await succeed('evaluate', ...args, '--compare', '--json'));
    const trial = trials.find(({ rank }: RankTrial) => rank === chosen);
    for (const metric of ['psnr', 'relativeL2', 'macsPerImage'] as const)
      assert.ok(Math.abs(trial[metric] / evaluated[metric] - 1) < 1e-5, metric);
  });

  test('the smallest rank that is good enough, as a table for people', async () => {
    const stdout = await succeed(...choose, '--psnr', '1', '--order', '1', '--out', 'small.safetensors');
    assert.match(stdout, /^rank +MACs an image +PSNR, dB +relative L2\n/);
    assert.match(stdout, /rank 2 is in small\.safetensors\n$/);
    assert.equal(FactorSet.load(place.path('small.safetensors')).rank('blocks.7.fc2'), 2);
  });

  test('what no rank reaches is refused with the best there is', async () => {
    const { code, stderr } = await run(...choose, '--psnr', '500');
    assert.equal(code, 2);
    assert.match(stderr, /psnr is 500; expected at most \d+\.\d\d, the best of these ranks/);
  });

  test('a rank that the factors do not have', async () => {
    const { code, stderr } = await run('choose-rank', '--factors', 'factors.safetensors', '--ranks', '21');
    assert.equal(code, 2);
    assert.match(stderr, /rank of blocks\.0\.q is 21; expected an integer from 0 to 20/);
  });
});

test('a choice by error is not one by rank', () => {
  const trial = (rank: number, psnr: number) => ({ rank, psnr, relativeL2: 1 / psnr, macsPerImage: rank });
  const trials = [trial(8, 30), trial(32, 39), trial(16, 40)];
  assert.equal(chosenTrial(trials)!.rank, 16);
  assert.equal(chosenTrial(trials, 39)!.rank, 16);
  assert.equal(chosenTrial(trials, 20)!.rank, 8);
  assert.equal(chosenTrial(trials, 41), undefined);
});
