/**
 * Builds the addons of the platform packages (npm/<platform>) and packs them: an addon contains the C++ runtime and asks for
 * nothing that glibc 2.28 does not have; what it asks for is checked. Needs CMake, GCC and, for another processor, Debian's
 * cross compiler (g++-aarch64-linux-gnu).
 *
 *     node scripts/prebuild.mjs [platform ...]    default: the platform that this is
 *     --pack FOLDER                               packs these and all other packages into FOLDER too
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cmakeBuild, root } from './cmake.mjs';
import { nativeHeaders } from './native-headers.mjs';
import { oldGlibc } from './prebuilt/oldGlibc.mjs';
import { OLDEST_GLIBC, PLATFORMS } from './prebuilt/platforms.mjs';
import { faults, glibcOf } from './prebuilt/requirements.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pack: { type: 'string' } } });
const here = `${process.platform}-${process.arch}`;
const names = positionals.length > 0 ? positionals : [here];
for (const name of names) {
  if (!Object.hasOwn(PLATFORMS, name))
    giveUp(`there is no platform package for '${name}', only for ${Object.keys(PLATFORMS).join(', ')}`);
  await prebuild(name);
}
if (values.pack !== undefined) {
  const folder = resolve(values.pack);
  mkdirSync(folder, { recursive: true });
  execFileSync(process.execPath, [join(root, 'scripts/pack-server.mjs')]);
  const places = [...names.map((name) => `npm/${name}`), 'models/digits', 'models/emoji', 'server', '.'];
  for (const place of places)
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
      cwd: join(root, place),
      stdio: ['ignore', 'inherit', 'ignore'],
    });
}

async function prebuild(name) {
  const platform = PLATFORMS[name];
  const build = join(root, 'build/prebuilt', name);
  try {
    await cmakeBuild({
      build,
      settings: {
        CMAKE_BUILD_TYPE: 'Release',
        CMAKE_LIBRARY_OUTPUT_DIRECTORY: build,
        ...(name !== here && crossCompiler(platform)),
        INCACHE_NODE: 'ON',
        INCACHE_NODE_INCLUDE: nativeHeaders(),
        INCACHE_PREBUILT: oldGlibc(platform, name === here, join(build, 'glibc')).join(';'),
        INCACHE_TESTS: 'OFF',
      },
      targets: ['incache_node'],
    });
  } catch (error) {
    process.stderr.write(error.output ?? '');
    giveUp(error.message);
  }
  const addon = join(build, 'incache.node');
  const found = faults(addon, OLDEST_GLIBC);
  if (found.length > 0) giveUp(`the addon of ${name} ${found.join(', ')}`);
  copyFileSync(addon, join(root, 'npm', name, 'incache.node'));
  copyFileSync(join(root, 'LICENSE'), join(root, 'npm', name, 'LICENSE'));
  console.log(`npm/${name}/incache.node needs glibc ${glibcOf(addon)} or later`);
}

function crossCompiler({ processor, tools }) {
  return {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: processor,
    CMAKE_C_COMPILER: `${tools}gcc`,
    CMAKE_CXX_COMPILER: `${tools}g++`,
  };
}

function giveUp(why) {
  console.error(`incache: no prebuilt addon: ${why}`);
  process.exit(1);
}
