/** The process that runs the benchmarks of tests: the first argument is the address of one, which is loaded anew for each run. */
import { answerCommands } from '../support/sharedProcess.js';

let runs = 0;
answerCommands(async ([benchmark]) => {
  process.argv.splice(2, 1);
  await import(`${benchmark}?run=${runs++}`);
});
