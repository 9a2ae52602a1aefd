/**
 * Builds the CUDA plugin with nvcc and CMake, for all GPUs since sm_80, and puts it beside the addon, where the library looks
 * for it. Takes some minutes, and so is no part of npm install. Needs no GPU. Ends with 1 when it fails.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build/cuda');
const beside = join(root, 'build/native/Release');
const PLUGIN = 'libincache_cuda.so';

const settings = ['-DINCACHE_CUDA=ON', '-DINCACHE_TESTS=OFF'];
const configured = cmake(['-S', root, '-B', build, ...settings]);
const [, reason] = /-- (.*): the CUDA plugin is not built/.exec(configured) ?? [];
if (reason) giveUp(reason);
cmake(['--build', build, '--target', 'incache_cuda', '--parallel', String(await parallelJobs())]);
mkdirSync(beside, { recursive: true });
copyFileSync(join(build, PLUGIN), join(beside, PLUGIN));
console.log(`incache: the CUDA plugin is in ${beside}`);

function cmake(args) {
  const { error, status, stdout, stderr } = spawnSync('cmake', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (error) giveUp('CMake was not found');
  if (status === 0) return stdout;
  process.stderr.write(`${stdout}${stderr}`);
  return giveUp('the build failed');
}

function giveUp(why) {
  console.error(`incache: no CUDA plugin (${why})`);
  process.exit(1);
}
