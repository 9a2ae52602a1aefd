/** Every way in which the addon may not load is told in one sentence, with what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addonPlaces, type Place } from '../../src/backend/native/addonFile.js';
import { explainFailures, InterfaceMismatch } from '../../src/backend/native/loadFailure.js';
import { type Platform, platformHere, platformText } from '../../src/backend/native/platform.js';

const DEBIAN: Platform = { system: 'linux', processor: 'x64', musl: false, glibc: '2.31' };
const NAME = '@incache/linux-x64';

function place(changes: Partial<Place>): Place {
  const load = () => assert.fail('not loaded here');
  return { name: NAME, own: false, present: true, load, ...changes };
}
const nothingBuilt = {
  place: place({
    name: '/app/node_modules/incache/build/native/Release/incache.node',
    own: true,
    present: false,
  }),
  error: Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' }),
};

function told(error: unknown, changes: Partial<Place> = {}, platform = DEBIAN): string {
  return explainFailures([nothingBuilt, { place: place(changes), error }], platform, false);
}

const dlopen = (message: string) => Object.assign(new Error(message), { code: 'ERR_DLOPEN_FAILED' });

const CAUSES: readonly [string, unknown, RegExp][] = [
  [
    'a glibc that is too old',
    dlopen("/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by incache.node)"),
    /: it needs glibc 2\.38 and this is linux-x64 \(glibc 2\.31\) \(compile it here with npx incache build\)$/,
  ],
  [
    'a C++ library that is too old',
    dlopen("libstdc++.so.6: version `GLIBCXX_3.4.32' not found"),
    /no GLIBCXX_3\.4\.32 \(compile it here/,
  ],
  [
    'a library that is missing',
    dlopen('libstdc++.so.6: cannot open shared object file: No such file or directory'),
    /needs the library libstdc\+\+\.so\.6, which is not there \(install it/,
  ],
  ['another interface', new InterfaceMismatch(3, 2), /interface version 3; expected 2 \(install it again/],
  [
    'addons that are forbidden',
    Object.assign(new Error('Cannot load native addon because loading addons is disabled.'), {
      code: 'ERR_DLOPEN_DISABLED',
    }),
    /loads no addons \(start it with --allow-addons/,
  ],
  [
    'a file system without execution',
    dlopen('/mnt/x/incache.node: failed to map segment from shared object: Operation not permitted'),
    /does not allow its code to run there \(.*noexec/,
  ],
  [
    'a file that is cut off',
    dlopen('incache.node: file too short'),
    /the file is damaged .*\(install it again/,
  ],
  ['anything else', dlopen('something\n  odd'), /: something odd \(install it again/],
];
for (const [cause, error, sentence] of CAUSES)
  test(`an addon that does not load for ${cause}`, () => {
    const text = told(error);
    assert.match(text, sentence);
    assert.ok(text.startsWith(`${NAME}: `) && !text.includes('\n'), text);
  });

test('first-use: an addon that is not there is installed or compiled by a command of the place', () => {
  assert.match(
    told(nothingBuilt.error, { present: false }),
    /^the optional package @incache\/linux-x64 is not installed/,
  );
  assert.equal(
    explainFailures(
      [nothingBuilt],
      { ...DEBIAN, system: 'darwin', processor: 'arm64', glibc: undefined },
      false,
    ),
    'there is no prebuilt addon for darwin-arm64 (npx incache build compiles one)',
  );
  assert.match(
    told(nothingBuilt.error, { present: false }, { ...DEBIAN, musl: true, glibc: undefined }),
    /no prebuilt addon for linux-x64 \(musl\)/,
  );
  assert.equal(
    explainFailures([nothingBuilt], DEBIAN, true),
    'it was not built (npm run build:native compiles it)',
  );
});

test('an addon compiled here that is stale is told before the package that is damaged', () => {
  const stale = {
    place: place({ name: '/app/incache.node', own: true }),
    error: new InterfaceMismatch(1, 2),
  };
  const text = explainFailures([stale, { place: place({}), error: dlopen('file too short') }], DEBIAN, false);
  assert.match(text, /^\/app\/incache\.node: .*compile it again.*; @incache\/linux-x64: the file is damaged/);
});

test('what was compiled here is tried first, the platform package then, and nothing for a platform without one', () => {
  const names = (platform?: string) => addonPlaces(platform).map(({ name }) => name.replace(/.*[\\/]/, ''));
  assert.deepEqual(names('linux-x64'), ['incache.node', 'linux-x64']);
  assert.deepEqual(names('linux-arm64'), ['incache.node', 'linux-arm64']);
  assert.deepEqual(names('sunos-x64'), ['incache.node']);
});

test('the platform is told', () => {
  assert.ok(platformText(platformHere()).startsWith(`${process.platform}-${process.arch}`));
  assert.equal(platformText(DEBIAN), 'linux-x64 (glibc 2.31)');
});
