/** Ctrl-C, and readers that go away. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { backends } from '../../src/index.js';
import { CLI, ended, start, until, Workplace } from './run.js';

/** Seconds of the processor after which a process is in the midst of its steps, however much else the machine does. */
const UNDER_WAY = 1;
/** Milliseconds, where the system does not tell that. */
const SURELY_UNDER_WAY = 3000;
/** Seconds of the processor; a step takes a tenth of that. */
const PROMPT = 2;

const NATIVE = backends().some(({ name, available }) => name === 'native' && available);

const LONG: Record<string, readonly string[]> = {
  sample: ['sample', '--steps', '1000', '--report', 'run.json'],
  'sample --single': ['sample', '--steps', '1000', '--single', '--out', 'singles'],
  calibrate: ['calibrate', '--count', '4096'],
  demo: ['demo', '--steps', '1000'],
};

describe('Ctrl-C', { concurrency: 2 }, () => {
  for (const [name, args] of Object.entries(LONG))
    for (const signal of name === 'sample' ? (['SIGINT', 'SIGTERM'] as const) : (['SIGINT'] as const))
      test(`${signal} in ${name}`, async () => {
        using place = new Workplace();
        const child = start(args, place.folder);
        const result = ended(child);
        await underWay(child);
        child.kill(signal);
        const took = await processorSecondsToEnd(child);
        const { code, stdout, stderr } = await result;
        assert.equal(code, 130, stderr);
        assert.equal(stdout, '');
        // A note that the work is long may come before.
        assert.match(stderr, /^(incache: note: .*\n)?incache: interrupted\n$/);
        assert.deepEqual(place.files, []);
        assert.ok(took < PROMPT, `it took ${took} s of processor time to stop`);
      });
});

async function underWay(child: ChildProcess): Promise<void> {
  if (!existsSync('/proc/self/stat')) return setTimeout(SURELY_UNDER_WAY);
  // What a start takes depends on the machine; a command opens its device when it can be interrupted.
  if (NATIVE) await until(() => mappedFiles(child).includes('incache.node'), child);
  const first = processorSecondsIfAny(child);
  await until(() => processorSecondsIfAny(child) - first >= UNDER_WAY, child);
}

function mappedFiles({ pid }: ChildProcess): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch {
    return '';
  }
}

/** User and system time of all threads, which Linux counts in hundredths of a second. */
function processorSeconds(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(afterName[11]) + Number(afterName[12])) / 100;
}

/** What it has used since, by the last look before it ended: a busy machine makes it end later, not do more. */
async function processorSecondsToEnd(child: ChildProcess): Promise<number> {
  let last = 0;
  const first = processorSecondsIfAny(child);
  while (child.exitCode === null && child.signalCode === null) {
    last = Math.max(last, processorSecondsIfAny(child) - first);
    await setTimeout(20);
  }
  return last;
}

/** 0 of one that has ended, and where the system does not tell. */
function processorSecondsIfAny(child: ChildProcess): number {
  try {
    return processorSeconds(child.pid!);
  } catch {
    return 0;
  }
}

describe('a closed pipe', { concurrency: 2 }, () => {
  for (const args of [
    ['info'],
    ['info', '--size', 'DiT-XL/2', '--plan'],
    ['sample', '--help'],
    ['sample', '--steps', '1'],
  ])
    test(`incache ${args.join(' ')}`, async () => {
      using place = new Workplace();
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: place.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout.destroy();
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const code = await new Promise((resolve) => child.on('close', resolve));
      assert.equal(stderr, '');
      assert.equal(code, 0);
    });
});
