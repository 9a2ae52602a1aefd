/** Calls CMake on the one native build (CMakeLists.txt), and says in a few words why it failed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parallelJobs } from './parallel.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** A build that did not succeed. `output` is all that CMake and the compiler printed. */
export class BuildError extends Error {
  constructor(reason, output = '') {
    super(reason);
    this.output = output;
  }
}

/**
 * Configures `build` with `settings` (names and values of the cache) and builds `targets`, all of them if there are none.
 * Returns what the configuration printed. Throws a BuildError.
 */
export async function cmakeBuild({ build, settings, targets = [] }) {
  forgetOtherPlace(build);
  const defined = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  const configured = cmake(['-S', root, '-B', build, ...defined]);
  const chosen = targets.length > 0 ? ['--target', ...targets] : [];
  const jobs = ['--parallel', String(await parallelJobs())];
  cmake(['--build', build, '--config', settings.CMAKE_BUILD_TYPE, ...chosen, ...jobs], configured);
  return configured;
}

/** CMake refuses a cache that was made for a folder of another name, as after the package has been moved. */
function forgetOtherPlace(build) {
  const cache = join(build, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const [, home] = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8')) ?? [];
  if (join(home ?? '', '/') === join(root, '/')) return;
  rmSync(cache);
  rmSync(join(build, 'CMakeFiles'), { recursive: true, force: true });
}

/** `before` is what earlier calls printed: a cause may be told there. */
function cmake(args, before = '') {
  const { error, status, stdout, stderr } = spawnSync('cmake', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (error) throw new BuildError('CMake was not found');
  if (status !== 0) throw new BuildError(reason(`${stdout}${stderr}`), `${before}${stdout}${stderr}`);
  return stdout;
}

/** The first cause that the output tells of. */
function reason(output) {
  if (
    /No CMAKE_.*COMPILER|is not a full path to an existing compiler|CMAKE_MAKE_PROGRAM is not set/i.test(
      output,
    )
  )
    return 'no compiler was found';
  if (/permission denied|read-only file system|unable to (?:open|create)/i.test(output))
    return 'the folder of the package cannot be written';
  const [, version] = /CMake (\S+) or higher is required/.exec(output) ?? [];
  if (version) return `CMake is older than ${version}`;
  const line = /(?<=: (?:fatal )?error: ).*|CMake Error.*/.exec(output)?.[0].trim();
  return line ?? 'the build failed; its output says why';
}
