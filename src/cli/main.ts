#!/usr/bin/env node
/** The command line: one file a command in `commands/`. Results go to stdout, progress and errors to stderr. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerCalibrate } from './commands/calibrate.js';
import { registerDemo } from './commands/demo.js';
import { registerInfo } from './commands/info.js';
import { registerSample } from './commands/sample.js';
import { EXIT, reportError } from './exit.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));

const program = new Command('incache')
  .description('Diffusion transformers with increment-calibrated caching')
  .version(version)
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
