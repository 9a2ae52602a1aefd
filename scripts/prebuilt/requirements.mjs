/** What an addon needs of the machine that loads it, as readelf tells it. */
import { execFileSync } from 'node:child_process';

/** Libraries whose presence Node.js guarantees: it needs them itself. */
const LIBRARIES = /^(libc|libm|libdl|libpthread|ld-linux-x86-64|ld-linux-aarch64)\.so\.\d$/;
/** Functions of Node.js, and the one that tells which Node-API the addon is for. */
const EXPORTED = /^(node_api_module_get_api_version_v1|napi_register_module_v1)$/;

/** Why the addon would not load on a glibc of `oldest` with nothing else installed: empty where it would. */
export function faults(addon, oldest) {
  const needed = run('-d', addon).matchAll(/\(NEEDED\).*\[(.*)\]/g);
  const libraries = [...needed].map(([, name]) => name).filter((name) => !LIBRARIES.test(name));
  const symbols = run('--dyn-syms', addon)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([place]) => /^\d+:$/.test(place ?? ''));
  const versions = symbols.flatMap(([, , , , , , , name]) => {
    const [, library, version] = /@(GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)/.exec(name ?? '') ?? [];
    if (library === undefined) return [];
    return library !== 'GLIBC' || isLater(version, oldest) ? [`needs ${name}`] : [];
  });
  const exported = symbols
    .filter(([, , , , binding, , section]) => binding !== 'LOCAL' && section !== 'UND')
    .map(([, , , , , , , name]) => name)
    .filter((name) => !EXPORTED.test(name));
  return [
    ...libraries.map((name) => `needs the library ${name}`),
    ...versions,
    ...exported.map((name) => `shows the symbol ${name}`),
  ];
}

/** The latest version of glibc that the addon asks for. */
export function glibcOf(addon) {
  const versions = [...run('--dyn-syms', addon).matchAll(/@GLIBC_([\d.]+)/g)].map(([, version]) => version);
  return versions.reduce((most, version) => (isLater(version, most) ? version : most), '0');
}

function isLater(a, b) {
  const [[major, minor = 0], [otherMajor, otherMinor = 0]] = [a, b].map((v) => v.split('.').map(Number));
  return major > otherMajor || (major === otherMajor && minor > otherMinor);
}

function run(option, file) {
  return execFileSync('readelf', ['--wide', option, file], { encoding: 'utf8', maxBuffer: 2 ** 26 });
}
