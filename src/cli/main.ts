#!/usr/bin/env node
/** The command line: one file a command in `commands/`. Results go to stdout, progress and errors to stderr. */
import { Command } from 'commander';
import { VERSION } from '../version.js';
import { registerCalibrate } from './commands/calibrate.js';
import { registerDemo } from './commands/demo.js';
import { registerInfo } from './commands/info.js';
import { registerSample } from './commands/sample.js';
import { EXIT, reportError } from './exit.js';

const program = new Command('incache')
  .description('Diffusion transformers with increment-calibrated caching')
  .version(VERSION)
  .exitOverride();
registerSample(program);
registerCalibrate(program);
registerInfo(program);
registerDemo(program);

try {
  await program.parseAsync();
  process.exitCode = EXIT.done;
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--debug'));
}
