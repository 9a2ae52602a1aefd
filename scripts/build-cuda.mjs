/**
 * Builds the CUDA plugin with nvcc and CMake, for all GPUs since sm_80, and puts it beside the addon, where the library looks
 * for it. Takes some minutes, and so is no part of an installation. Needs no GPU. Ends with 1 when it fails.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, cmakeBuild, root } from './cmake.mjs';

const build = join(root, 'build/cuda');
const beside = join(root, 'build/native/Release');
const PLUGIN = 'libincache_cuda.so';

try {
  const settings = { CMAKE_BUILD_TYPE: 'Release', INCACHE_CUDA: 'ON', INCACHE_TESTS: 'OFF' };
  await cmakeBuild({ build, settings, targets: ['incache_cuda'] });
  mkdirSync(beside, { recursive: true });
  copyFileSync(join(build, PLUGIN), join(beside, PLUGIN));
  console.log(`incache: the CUDA plugin is in ${beside}`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(error.output);
  const [, without] = /-- (.*): the CUDA plugin is not built/.exec(error.output) ?? [];
  console.error(`incache: no CUDA plugin (${without ?? error.message})`);
  process.exit(1);
}
