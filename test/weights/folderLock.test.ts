/** One process in a folder, and nothing to tidy up after it, however it ended. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FolderLock, requireUnused } from '../../src/weights/folderLock.js';
import { temporaryFolder } from '../support/folder.js';

const MODULE = new URL('../../src/weights/folderLock.js', import.meta.url).href;

describe('the lock of a folder', () => {
  const parent = temporaryFolder();
  const inUse = (pid: number) => ({
    name: 'ArgumentError',
    message: new RegExp(`^resume is '.*'; expected a folder that no run is using; process ${pid} is at work`),
  });

  /** A process that takes the folder, says `held` or why not, and stays. */
  function taker(folder: string): ChildProcess {
    const program = `
      import { FolderLock } from ${JSON.stringify(MODULE)};
      FolderLock.take('resume', process.argv[1]).then(
        () => { console.log('held'); setInterval(() => {}, 1000); },
        (error) => console.log(error.message));`;
    return spawn(process.execPath, ['--input-type=module', '-e', program, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
  const said = async (child: ChildProcess) => String((await once(child.stdout!, 'data'))[0]).trim();

  test('resume-twice: a second one is refused until the first is done, in one process too', async () => {
    const folder = join(parent, 'one');
    const first = await FolderLock.take('resume', folder);
    await assert.rejects(FolderLock.take('resume', folder), inUse(process.pid));
    assert.throws(() => requireUnused('resume', folder), inUse(process.pid));
    assert.match(await said(taker(folder)), new RegExp(`process ${process.pid} is at work in it`));
    first[Symbol.dispose]();
    assert.deepEqual(readdirSync(folder), []);
    using _again = await FolderLock.take('resume', folder);
  });

  test('resume-twice: a process that was killed holds nothing, a zombie neither', async () => {
    const folder = join(parent, 'killed');
    const child = taker(folder);
    assert.equal(await said(child), 'held');
    await assert.rejects(FolderLock.take('resume', folder), inUse(child.pid!));
    // Dead at once, and until its parent has heard of it a zombie.
    process.kill(child.pid!, 'SIGKILL');
    let lock: FolderLock | undefined;
    while (!lock) lock = await FolderLock.take('resume', folder).catch(() => undefined);
    lock[Symbol.dispose]();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('resume-twice: of many that come at once one gets it', async () => {
    for (let round = 0; round < 20; round++) {
      const folder = join(parent, `many-${round}`);
      const taken = await Promise.allSettled(
        Array.from({ length: 5 }, () => FolderLock.take('resume', folder)),
      );
      const held = taken.filter((result) => result.status === 'fulfilled');
      assert.equal(held.length, 1);
      held[0]!.value[Symbol.dispose]();
    }
  });

  test('resume-twice: a process of the same number that began at another time is another one', async () => {
    const folder = join(parent, 'number');
    const own = await FolderLock.take('resume', folder);
    const [name] = readdirSync(folder) as [string];
    own[Symbol.dispose]();
    const [, state, pid, began, space] = name.split('-');
    // Where the system does not tell when a process began, its number is all there is.
    if (began === 'unknown') return;
    writeFileSync(join(folder, `.lock-${state}-${pid}-${Number(began) - 1}-${space}-0`), '');
    using _lock = await FolderLock.take('resume', folder);
  });

  test('resume-twice: a process of another machine counts while it gives signs of life', async () => {
    const folder = join(parent, 'machine');
    (await FolderLock.take('resume', folder))[Symbol.dispose]();
    const path = join(folder, '.lock-held-1-1-abcdef-0');
    writeFileSync(path, '');
    await assert.rejects(FolderLock.take('resume', folder), inUse(1));
    const long = new Date(Date.now() - 600_000);
    utimesSync(path, long, long);
    using _lock = await FolderLock.take('resume', folder);
  });
});
