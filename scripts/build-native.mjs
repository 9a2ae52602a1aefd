/**
 * Builds the addon with cmake-js where there are a compiler and CMake; otherwise says in one line that WebAssembly
 * will serve. Ends with 0 unless --require is given. Downloads nothing: the headers come from npm packages.
 *
 *     --require    a failure is an error, and what the build printed is shown
 *     --debug      without optimisation, with the tests of the C interface
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const required = process.argv.includes('--require');
const debug = process.argv.includes('--debug');

if (process.env.INCACHE_NATIVE === 'off') giveUp('INCACHE_NATIVE is off');
if (!existsSync(join(root, 'CMakeLists.txt'))) giveUp('this package has no native sources');
const require = createRequire(import.meta.url);
const { status, error, stdout, stderr } = spawnSync(process.execPath, [
  resolve('cmake-js/bin/cmake-js'),
  'compile',
  ...['--directory', root, '--out', join(root, 'build/native')],
  ...['--parallel', String(await parallelJobs())],
  // The libraries are for cmake --install.
  ...(debug ? [] : ['--target', 'incache_node']),
  ...(debug ? ['--debug'] : []),
  '--CDINCACHE_NODE=ON',
  // It takes minutes: scripts/build-cuda.mjs builds it.
  '--CDINCACHE_CUDA=OFF',
  `--CDINCACHE_TESTS=${debug ? 'ON' : 'OFF'}`,
  `--CDINCACHE_NODE_INCLUDE=${dirname(resolve('node-addon-api/package.json'))}`,
]);
if (error || status !== 0) {
  if (required) process.stderr.write(`${stdout}${stderr}`);
  giveUp(reason(`${stdout}${stderr}`));
}

function giveUp(why) {
  console.log(`incache: no native kernels (${why}); WebAssembly will serve.`);
  process.exit(required ? 1 : 0);
}

function resolve(file) {
  try {
    return require.resolve(file);
  } catch {
    return giveUp(`${file.split('/')[0]} is not installed`);
  }
}

/** The first cause that its output tells of. */
function reason(output) {
  if (
    /CMake executable is not found|toolset is not available|No CMAKE_.*COMPILER|is not a full path to an existing compiler/i.test(
      output,
    )
  )
    return 'no compiler or no CMake was found';
  return (
    /(?<=: (?:fatal )?error: ).*|CMake Error.*/.exec(output)?.[0].trim() ??
    'the build failed; npm run build:native says why'
  );
}
