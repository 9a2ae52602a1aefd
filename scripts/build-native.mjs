/**
 * Builds the addon with CMake into build/native/Release, where it comes before that of the platform package. Downloads nothing.
 * In a checkout `npm ci` runs it without --require: where there is no CMake or no compiler it says so in one line and ends with 0.
 *
 *     --require    a failure is an error, and what the build printed is shown
 *     --debug      without optimisation, with the tests of the C interface; into build/native/Debug
 */
import { join } from 'node:path';
import { BuildError, cmakeBuild, root } from './cmake.mjs';
import { nativeHeaders } from './native-headers.mjs';

const required = process.argv.includes('--require');
const debug = process.argv.includes('--debug');
const type = debug ? 'Debug' : 'Release';
const build = join(root, 'build/native');
const folder = join(build, type);

try {
  await buildAddon();
  if (required) console.log(`incache: the native kernels are in ${folder}`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  if (required) process.stderr.write(error.output);
  console.log(`incache: no native kernels (${error.message}); WebAssembly will serve.`);
  process.exit(required ? 1 : 0);
}

async function buildAddon() {
  if (process.env.INCACHE_NATIVE === 'off') throw new BuildError('INCACHE_NATIVE is off');
  const headers = nativeHeaders();
  if (!headers) throw new BuildError('node-api-headers or node-addon-api is not installed');
  await cmakeBuild({
    build,
    settings: {
      CMAKE_BUILD_TYPE: type,
      CMAKE_LIBRARY_OUTPUT_DIRECTORY: folder,
      INCACHE_NODE: 'ON',
      INCACHE_NODE_INCLUDE: headers,
      // It takes minutes: scripts/build-cuda.mjs builds it.
      INCACHE_CUDA: 'OFF',
      INCACHE_TESTS: debug ? 'ON' : 'OFF',
    },
    // The libraries are for cmake --install.
    targets: debug ? [] : ['incache_node'],
  });
}
