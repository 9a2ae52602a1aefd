#!/usr/bin/env node
/** The command line as a process: results go to stdout, progress and errors to stderr. */
import { runCommandLine } from './commandLine.js';
import { endQuietlyOnClosedPipe } from './exit.js';

endQuietlyOnClosedPipe();
await runCommandLine(process.argv);
