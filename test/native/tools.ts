/** CMake and what it builds, for the tests of the C library. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usableProcessors } from '../../src/platform/node/machineLimits.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** As `incache export` wrote it for a network of random weights: two kinds of steps, DPM-Solver++ 2M, rank 2. */
export const TINY_MODEL = join(ROOT, 'test/data/tiny.incache');

/** Whether the program is there at all, whatever it says to --version. */
export const isPresent = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

/** Why the library cannot be built here, or false: what `skip` of node:test takes. */
export function cannotBuild(): string | false {
  if (!existsSync(join(ROOT, 'cpp/test'))) return 'this is a package, without the tests in C';
  if (process.platform === 'win32') return 'the tests in C need POSIX threads';
  if (!isPresent('cmake')) return 'CMake is not installed';
  if (!isPresent(process.env.CXX ?? 'c++') || !isPresent(process.env.CC ?? 'cc'))
    return 'there is no C++ compiler';
  return false;
}

/** Runs it to its end and returns its stdout; throws an Error with all that it printed when it fails. */
export function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Another checkout, or this one after its build folder is gone, compiles nothing twice where ccache is installed. */
const LAUNCHERS: Readonly<Record<string, string>> = isPresent('ccache')
  ? { CMAKE_C_COMPILER_LAUNCHER: 'ccache', CMAKE_CXX_COMPILER_LAUNCHER: 'ccache' }
  : {};

/** Configures a project of CMake and builds these targets of it (default: all). */
export function build(
  source: string,
  folder: string,
  options: Readonly<Record<string, string>>,
  targets: readonly string[] = [],
): void {
  const settings = Object.entries({ ...LAUNCHERS, ...options }).map(([name, value]) => `-D${name}=${value}`);
  run('cmake', ['-S', source, '-B', folder, ...settings]);
  const chosen = targets.length > 0 ? ['--target', ...targets] : [];
  run('cmake', ['--build', folder, ...chosen, '--parallel', String(usableProcessors().count)]);
}
