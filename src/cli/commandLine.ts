/** The commands: one file each in `commands/`. */
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { withOurNames } from './aliases.js';
import { EXIT, reportError, speakAsIncache } from './exit.js';
import { groupHelp, helpFirst, layOutHelp } from './help.js';

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  sample: () => import('./commands/sample.js'),
  serve: () => import('./commands/serve.js'),
  work: () => import('./commands/work.js'),
  decode: () => import('./commands/decode.js'),
  demo: () => import('./commands/demo.js'),
  tune: () => import('./commands/tune.js'),
  calibrate: () => import('./commands/calibrate.js'),
  'choose-rank': () => import('./commands/chooseRank.js'),
  fit: () => import('./commands/fit.js'),
  measure: () => import('./commands/measure.js'),
  evaluate: () => import('./commands/evaluate.js'),
  experiment: () => import('./commands/experiment.js'),
  convert: () => import('./commands/convert.js'),
  export: () => import('./commands/export.js'),
  embed: () => import('./commands/embed.js'),
  info: () => import('./commands/info.js'),
  bench: () => import('./commands/bench.js'),
  doctor: () => import('./commands/doctor.js'),
  build: () => import('./commands/build.js'),
  completion: () => import('./commands/completion.js'),
};

/** What is made of all commands. */
const COMPLETION = 'completion';

/** Runs the command of these arguments, of the form of `process.argv`, and sets the exit code. Never throws. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const program = layOutHelp(
    speakAsIncache(
      new Command('incache')
        .description('Diffusion transformers with increment-calibrated caching.')
        .version(VERSION, '-V, --version', 'print the version')
        .helpOption('-h, --help', 'print this help')
        .helpCommand('help [command]', 'print the help of a command')
        .addHelpText('after', '\nExit codes: 0 done, 1 a defect of incache, 2 bad input, 130 interrupted.'),
    ),
  );
  for (const { register } of await Promise.all(commandsFor(args[2]))) register(program);
  groupHelp(program);
  try {
    await program.parseAsync(helpFirst(withOurNames(args), program));
    process.exitCode ??= EXIT.done;
  } catch (error) {
    process.exitCode = reportError(error, args.includes('--debug'));
  }
}

/** The one that is asked for, because it takes time to load all; all where none is. */
function commandsFor(name = '') {
  const alone = Object.hasOwn(COMMANDS, name) && name !== COMPLETION;
  return (alone ? [COMMANDS[name]!] : Object.values(COMMANDS)).map((load) => load());
}
