#!/usr/bin/env node
/** The command line: one file a command in `commands/`. Results go to stdout, progress and errors to stderr. */
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { withOurNames } from './aliases.js';
import { registerBench } from './commands/bench.js';
import { registerBuild } from './commands/build.js';
import { registerCalibrate } from './commands/calibrate.js';
import { registerChooseRank } from './commands/chooseRank.js';
import { registerCompletion } from './commands/completion.js';
import { registerConvert } from './commands/convert.js';
import { registerDecode } from './commands/decode.js';
import { registerDemo } from './commands/demo.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEmbed } from './commands/embed.js';
import { registerEvaluate } from './commands/evaluate.js';
import { registerExperiment } from './commands/experiment.js';
import { registerExport } from './commands/export.js';
import { registerFit } from './commands/fit.js';
import { registerInfo } from './commands/info.js';
import { registerMeasure } from './commands/measure.js';
import { registerSample } from './commands/sample.js';
import { registerServe } from './commands/serve.js';
import { registerTune } from './commands/tune.js';
import { EXIT, endQuietlyOnClosedPipe, reportError, speakAsIncache } from './exit.js';
import { groupHelp, helpFirst, layOutHelp } from './help.js';

endQuietlyOnClosedPipe();
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
registerSample(program);
registerServe(program);
registerDecode(program);
registerDemo(program);
registerTune(program);
registerCalibrate(program);
registerChooseRank(program);
registerFit(program);
registerMeasure(program);
registerEvaluate(program);
registerExperiment(program);
registerConvert(program);
registerExport(program);
registerEmbed(program);
registerInfo(program);
registerBench(program);
registerDoctor(program);
registerBuild(program);
registerCompletion(program);
groupHelp(program);

try {
  await program.parseAsync(helpFirst(withOurNames(process.argv), program));
  process.exitCode ??= EXIT.done;
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--debug'));
}
