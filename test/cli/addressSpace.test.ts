/** Shared hosts and batch queues limit the address space, of which WebAssembly memories reserve much. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folder.js';
import { CLI } from './run.js';

const folder = temporaryFolder();
const KILOBYTES = 4_000_000;

/** Another system may not have such a limit. */
const skip = process.platform === 'linux' ? false : 'needs a limit of address space as Linux has it';

function limited(...args: string[]) {
  const command = `ulimit -v ${KILOBYTES} && exec "$@"`;
  const node = [process.execPath, ...args];
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', ...node], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

const SAMPLE = ['sample', '--backend', 'wasm', '-l', '0', '--steps', '1', '--out', 'a.png'];

test('wasm-address-space: info and sample agree on whether there is a memory, and say why not', {
  skip,
}, () => {
  const info = limited(CLI, 'info');
  assert.equal(info.code, 0, info.stderr);
  const [, present, detail] = /^wasm +(yes|no) +(.*)$/m.exec(info.stdout)!;
  const { code, stderr } = limited(CLI, ...SAMPLE);
  assert.equal(code, present === 'yes' ? 0 : 2, stderr);
  if (present === 'yes') return;
  assert.match(detail!, /^the address space of 3\.8 GiB is too small for a WebAssembly memory/);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.ok(stderr.includes(detail!), stderr);
});

test('wasm-address-space: without reserved guards the memory fits', { skip }, () => {
  const { code, stderr } = limited('--disable-wasm-trap-handler', CLI, ...SAMPLE);
  assert.equal(code, 0, stderr);
});
