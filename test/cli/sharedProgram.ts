/** The process that runs the command lines of tests. */
import { runCommandLine } from '../../src/cli/commandLine.js';
import { answerCommands } from '../support/sharedProcess.js';

answerCommands(() => runCommandLine(process.argv));
