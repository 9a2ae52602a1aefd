/** The packages as they would be published, packed once, and empty projects that install them without a network. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PLATFORM = `@incache/${process.platform}-${process.arch}`;
const PLATFORM_FOLDER = join(ROOT, 'npm', `${process.platform}-${process.arch}`);

/** Why the native kernels are not tested here; false where they are. */
export const WITHOUT_ADDON = existsSync(join(PLATFORM_FOLDER, 'incache.node'))
  ? false
  : 'there is no prebuilt addon (npm run build:prebuilt)';

/** Tarballs by the name of the package: incache, its platform package, and what both need at run time. */
export type Tarballs = Readonly<Record<string, string>>;

export class Packed implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'incache install '));
  readonly tarballs: Tarballs;

  constructor() {
    const folders = {
      incache: ROOT,
      ...(!WITHOUT_ADDON && { [PLATFORM]: PLATFORM_FOLDER }),
      ...dependencies(),
    };
    const packed = execFileSync(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', this.folder, ...Object.values(folders)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 26 },
    );
    const files: { name: string; filename: string }[] = JSON.parse(packed);
    this.tarballs = Object.fromEntries(
      files.map(({ name, filename }) => [name, join(this.folder, filename)]),
    );
  }

  /** An empty project whose package.json names the tarballs, all but those of `without`. */
  project(name: string, without: readonly string[] = [], more: object = {}): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    const entries = Object.entries(this.tarballs).filter(([name]) => !without.includes(name));
    const dependencies = Object.fromEntries(entries.map(([name, path]) => [name, `file:${path}`]));
    const description = { name: 'project', version: '1.0.0', private: true, dependencies, ...more };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(description));
    return folder;
  }

  [Symbol.dispose](): void {
    execFileSync('chmod', ['-R', 'u+w', this.folder]);
    rmSync(this.folder, { recursive: true });
  }
}

/** What incache needs at run time, with what that needs, by name and folder. */
function dependencies(): Record<string, string> {
  const found: Record<string, string> = {};
  const add = (owner: string) => {
    const needed = JSON.parse(readFileSync(join(owner, 'package.json'), 'utf8')).dependencies ?? {};
    for (const name of Object.keys(needed)) {
      if (name in found) continue;
      found[name] = join(ROOT, 'node_modules', name);
      add(found[name]);
    }
  };
  add(ROOT);
  return found;
}

/** The environment of a user: nothing of the npm that runs these tests, and in PATH only Node.js with npm, and a shell. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|INCACHE_|NODE_OPTIONS)/i.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/** `userEnvironment` without a compiler and without CMake. */
export function withoutCompiler(folder: string): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin of a user');
  mkdirSync(bin, { recursive: true });
  for (const name of ['node', 'npm', 'sh', 'env']) {
    const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, name));
    const found = name === 'node' ? process.execPath : places.find(existsSync);
    if (found) spawnSync('ln', ['-sf', found, join(bin, name)]);
  }
  return { ...userEnvironment(), PATH: bin };
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], cwd: string, env = userEnvironment()): Ended {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs Node.js on a program given as text: `.mjs` or `.cjs`. */
export function runProgram(folder: string, name: string, text: string, flags: readonly string[] = []): Ended {
  writeFileSync(join(folder, name), text);
  return run(process.execPath, [...flags, name], folder);
}

/** The command line of the installed package, without the manager that installed it. */
export function incacheIn(folder: string): string {
  return join(dirname(join(folder, 'node_modules/incache/package.json')), 'dist/src/cli/main.js');
}
