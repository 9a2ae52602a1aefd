/**
 * Runs the tests, one process on each processor at a time: node:test by itself leaves one processor free, of two that is half. Those
 * that take longest begin first. Ends as node:test does.
 *
 *     --release    runs test/install too, which installs packed packages as users do and takes minutes more
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parallelJobs } from './parallel.mjs';
import { answerHelp } from './usage.mjs';

answerHelp(import.meta.url);

/** What takes longest, so that nothing long is left for the end. */
const FIRST = ['cuda', 'browser', 'native', 'pipeline', 'cli'];
/**
 * Folders whose files leave nothing behind in their process: all of one run in one process, which starts and loads the engine once. A
 * test that fails is still told with its file.
 */
const TOGETHER = [
  ...[
    'bench',
    'browser',
    'cache',
    'calibrate',
    'cli',
    'conformance',
    'diffusion',
    'engine',
    'evaluate',
    'experiment',
    'export',
  ],
  ...['models', 'pipeline', 'plan', 'text', 'wasm', 'weights'],
];
/**
 * Milliseconds after which a file has failed because it hangs: many times what the longest one takes. Node itself can hang when a process
 * ends (nodejs/node#54918).
 */
const PATIENCE = 30 * 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const tests = join(root, 'dist/test');
const release = process.argv.includes('--release');
const others = readdirSync(tests).filter(
  (folder) => !FIRST.includes(folder) && (release || folder !== 'install'),
);
const folderOf = new Map(TOGETHER.map((folder) => [writeTogether(folder), folder]));
const programOf = new Map([...folderOf].map(([program, folder]) => [folder, program]));
process.chdir(root);
const lost = await report(
  [...FIRST, ...others].flatMap((folder) => programOf.get(folder) ?? filesOf(folder)),
);
for (const program of lost) {
  console.log(`\n${program} ended before its tests had. Its files, one by one:\n`);
  await report(filesOf(folderOf.get(program)));
}
// A file that hung may not have ended although it was told to; nobody waits for it any longer.
process.stdout.write('', () => process.exit());

/** Runs files and prints what they tell. Returns which programs of several files have ended without telling it. */
async function report(files) {
  const lost = [];
  const events = run({ files, concurrency: await parallelJobs(), timeout: PATIENCE });
  events.on('test:fail', ({ name, todo, details }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
    if (folderOf.has(name) && details.error?.failureType !== 'subtestsFailed') lost.push(name);
  });
  const text = events.compose(new spec());
  text.pipe(process.stdout);
  await new Promise((resolve) => text.on('end', resolve));
  return lost;
}

function filesOf(folder) {
  return readdirSync(join(tests, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(tests, folder, name));
}

/** Writes a program that has the tests of all files of a folder, and returns where. */
function writeTogether(folder) {
  const program = join(root, 'build/tests', `${folder}.mjs`);
  const imports = filesOf(folder).map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, imports.join(''));
  return program;
}
