import { execFileSync } from 'node:child_process';
import { type Contender, interleave } from '../../src/bench/measure.js';
import { type Statistics, statisticsOf } from '../statistics.js';
import { type Columns, markdownTable, spread } from '../table.js';
import { deviceName, presentDevices } from './devices.js';

export interface StartUpRow {
  readonly contender: string;
  /** Milliseconds from the start of the process. */
  readonly times: Statistics;
}

const ROUNDS = 11;

/** A process from its start to the first denoising step of the embedded model. */
const PROGRAM = `
  import { Pipeline, EMBEDDED_MODEL } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
  const pipeline = await Pipeline.load(EMBEDDED_MODEL, JSON.parse(process.argv[1]));
  for await (const step of pipeline.sample({ labels: [3] })) break;
  process.stdout.write(String(performance.now()));
  await pipeline.dispose();
`;
/** What Node itself takes of that. */
const NOTHING = 'process.stdout.write(String(performance.now()))';

/** On each device, and of a process that does nothing. */
export async function startUp(rounds = ROUNDS, devices = presentDevices()) {
  const contenders = [
    processOf('node alone', NOTHING),
    ...devices.map((choice) => processOf(deviceName(choice), PROGRAM, JSON.stringify(choice))),
  ];
  const times = await interleave(contenders, { rounds, warmUp: 1 });
  const rows = await Promise.all(
    contenders.map(
      async ({ name }, i): Promise<StartUpRow> => ({
        contender: name,
        times: await statisticsOf(times[i]!),
      }),
    ),
  );
  const text = `From the start of the process to the first step taken, embedded model, one image, all threads; processes in turn, medians of ${rounds}.`;
  return { text, rows };
}

/** Its clock, performance.now(), counts from its start: loading Node is in. */
function processOf(name: string, program: string, ...args: string[]): Contender {
  const command = ['--input-type=module', '-e', program, ...args];
  const timedRun = async () => Number(execFileSync(process.execPath, command, { encoding: 'utf8' }));
  return { name, flops: 0, timedRun, run: () => timedRun().then(() => {}) };
}

const COLUMNS: Columns<StartUpRow> = [
  ['', ({ contender }) => contender],
  ['ms', ({ times }) => times.median.toFixed(0)],
  ['p10 to p90', ({ times }) => spread(times, (value) => value.toFixed(0))],
];

export function startUpTable(rows: readonly StartUpRow[]): string {
  return markdownTable(COLUMNS, rows);
}
