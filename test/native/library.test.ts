/** The C library: its interface, and as it is installed. One file, because both are of one tree of CMake, built once. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { testDrawn } from './drawn.js';
import { testInstalled } from './installed.js';
import { testInterface } from './interface.js';
import { build, cannotBuild, ROOT, TINY_MODEL } from './tools.js';

/** The tree that npm install has built the addon in, whose objects need not be compiled again; else one for the tests. */
const INSTALLED = join(ROOT, 'build/native');
const TREE = existsSync(join(INSTALLED, 'CMakeCache.txt')) ? INSTALLED : join(ROOT, 'build/test-native');
const TESTS = ['pool', 'plan', 'thread_bits', 'misuse', 'bad_plans', 'model', 'inputs', 'draw'].map(
  (name) => `incache_test_${name}`,
);
const REPLAYS = ['plan', 'model', 'json'].map((name) => `incache_replay_${name}`);

describe('the C library', { skip: cannotBuild() }, () => {
  before(() => {
    const options = {
      INCACHE_TESTS: 'ON',
      INCACHE_CUDA: 'OFF',
      INCACHE_TEST_MODEL: TINY_MODEL,
      // The same folder on every system, where some would have lib64.
      CMAKE_INSTALL_LIBDIR: 'lib',
    };
    build(ROOT, TREE, options, ['incache_static', 'incache_shared', ...TESTS, ...REPLAYS]);
  });
  testInterface(TREE);
  testDrawn(TREE);
  testInstalled(TREE);
});
