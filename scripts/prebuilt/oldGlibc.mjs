/**
 * Stand-ins for libraries of glibc, to link against: they name functions at the version that glibc 2.28 has them at. The linker takes
 * the first definition that it meets, and so records the old version where the glibc of this machine would give a newer one.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const THREADS = ['create', 'detach', 'getspecific', 'join', 'key_create', 'key_delete', 'once'];
const LOCKS = ['rwlock_rdlock', 'rwlock_unlock', 'rwlock_wrlock', 'setspecific'];

/** Library, functions and their version, as they were before glibc 2.34 moved all into libc.so.6. */
function librariesOf({ baseVersion, affinityVersion }) {
  const threads = [...THREADS, ...LOCKS].map((name) => `pthread_${name}`);
  return {
    'libm.so.6': { [baseVersion]: ['exp', 'log', 'pow', 'expf', 'logf', 'powf', 'exp2f', 'log2f'] },
    'libdl.so.2': { [baseVersion]: ['dladdr', 'dlerror', 'dlopen', 'dlsym'] },
    'libpthread.so.0': merged(
      [baseVersion, [...threads, '__pthread_key_create']],
      [affinityVersion, ['pthread_getaffinity_np', 'pthread_setaffinity_np']],
    ),
  };
}

function merged(...lists) {
  const versions = {};
  for (const [version, names] of lists) versions[version] = [...(versions[version] ?? []), ...names];
  return versions;
}

/** Makes the stand-ins in `folder`, with the cross compiler unless this is the platform (`native`); returns their paths. */
export function oldGlibc(platform, native, folder) {
  mkdirSync(folder, { recursive: true });
  return Object.entries(librariesOf(platform)).map(([name, versions]) => {
    const path = join(folder, name);
    const functions = Object.values(versions).flat();
    const code = functions.map((f) => `.globl ${f}\n.type ${f}, %function\n${f}: .byte 0\n`).join('');
    writeFileSync(`${path}.s`, `.text\n${code}`);
    const script = Object.entries(versions).map(
      ([version, names]) => `${version} { ${names.join('; ')}; };\n`,
    );
    writeFileSync(`${path}.map`, script.join(''));
    const options = ['-shared', '-nostdlib', `-Wl,-soname,${name}`, `-Wl,--version-script,${path}.map`];
    execFileSync(native ? 'cc' : `${platform.tools}gcc`, [...options, '-o', path, `${path}.s`]);
    return path;
  });
}
