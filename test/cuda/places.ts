/** Where the CUDA backend is tested: on the emulator, as GPUs of two generations, and on a GPU where there is one. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cudaBackend } from '../../src/backend/cuda/index.js';
import { loadBinding } from '../../src/backend/native/binding.js';
import { build, cannotBuild, ROOT } from '../native/tools.js';

export const FOLDER = join(ROOT, 'build/test-cuda');
const EMULATED = join(FOLDER, 'libincache_cuda_emulated.so');

export interface Place {
  readonly name: string;
  readonly emulated: boolean;
  /** For `describe`: false, or the reason why nothing can be tested there. */
  readonly skip: string | false;
  /** What the environment has to say for it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Every variable that decides which GPU there is. */
const VARIABLES = [
  'INCACHE_CUDA_LIBRARY',
  'INCACHE_CUDA_UNPROVEN',
  'INCACHE_EMULATED_CAPABILITY',
  'INCACHE_EMULATED_DEVICES',
  'INCACHE_EMULATED_DRIVER',
  'INCACHE_EMULATED_FAULT',
  'INCACHE_EMULATED_MEMORY',
];

const binding = loadBinding();

function emulated(capability: number): Place {
  const skip =
    'reason' in binding ? binding.reason : process.platform === 'linux' ? cannotBuild() : 'it needs Linux';
  return {
    name: `emulated sm_${capability}`,
    emulated: true,
    skip,
    environment: {
      INCACHE_CUDA_LIBRARY: EMULATED,
      INCACHE_CUDA_UNPROVEN: '1',
      INCACHE_EMULATED_CAPABILITY: String(capability),
    },
  };
}

function gpu(): Place {
  const { INCACHE_CUDA_LIBRARY: library } = process.env;
  const environment = library === undefined ? {} : { INCACHE_CUDA_LIBRARY: library };
  const { available, detail } = cudaBackend.status();
  return { name: 'a GPU', emulated: false, skip: available ? false : detail, environment };
}

export const AMPERE = emulated(80);
export const HOPPER = emulated(90);
export const GPU = gpu();

/** Builds the plugin for the emulator; what has not changed since is not compiled again. */
export function buildEmulated(): void {
  // A plugin that could not be linked must not be taken for one that was.
  rmSync(EMULATED, { force: true });
  buildForEmulator('incache_cuda_emulated');
}

export function buildForEmulator(target: string): void {
  build(ROOT, FOLDER, { INCACHE_CUDA_EMULATED: 'ON', INCACHE_CUDA: 'OFF', INCACHE_TESTS: 'OFF' }, [target]);
}

/** From now on the CUDA backend finds what there is at this place, changed as `changes` say. */
export function enter({ environment }: Place, changes: Readonly<Record<string, string>> = {}): void {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, environment, changes);
}
