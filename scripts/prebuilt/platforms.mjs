/** The platforms that have a package with a prebuilt addon: what CMake and the linker are told for each. */
export const PLATFORMS = {
  'linux-x64': {
    processor: 'x86_64',
    tools: 'x86_64-linux-gnu-',
    baseVersion: 'GLIBC_2.2.5',
    affinityVersion: 'GLIBC_2.3.4',
  },
  'linux-arm64': {
    processor: 'aarch64',
    tools: 'aarch64-linux-gnu-',
    baseVersion: 'GLIBC_2.17',
    affinityVersion: 'GLIBC_2.17',
  },
};

/** The oldest glibc on which the addons load: that of Node.js 20 itself. */
export const OLDEST_GLIBC = '2.28';
