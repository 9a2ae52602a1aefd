/** Measures the time of configurations in turn, round after round, so that what else a machine does meets all alike. */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { subjectsOf } from '../evaluate/runs/subjects.js';
import { type Configuration, uncached } from './configuration.js';
import type { ExperimentContext, Measurement, Row } from './experiment.js';
import { Preparation } from './preparation.js';

export const TIMES = 'times';

const ROUNDS = 5;

/** A measurement a round, of one batch of each configuration. */
export function timeMeasurements(
  context: ExperimentContext,
  configurations: readonly Configuration[],
): Measurement[] {
  const all = [uncached(context.sampling), ...configurations];
  const preparation = new Preparation(context, all);
  const work = (configuration: Configuration) =>
    batchOf(context) * (configuration.steps ?? context.sampling.steps);
  // Rounds of something else, as on another machine, are not continued: these have a name of their own.
  const key = { machine: machineOf(context), batch: batchOf(context), configurations: all };
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 8);
  return Array.from({ length: ROUNDS }, (_, round): Measurement => {
    return {
      name: `times ${hash} round ${round}`,
      table: TIMES,
      isTimed: true,
      key: { ...key, round },
      work: all.reduce((sum, configuration) => sum + work(configuration), 0),
      async measure(advance) {
        const rows: Row[] = [];
        for (const configuration of all) {
          rows.push(await timeOf(context, preparation, configuration, round));
          advance(work(configuration));
        }
        return rows;
      },
    };
  });
}

/** For people: times mean nothing without it. */
export function machineOf({ pipeline }: ExperimentContext): string {
  const { backend, threads } = pipeline.device;
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${backend}, ${threads} threads`;
}

async function timeOf(
  context: ExperimentContext,
  preparation: Preparation,
  configuration: Configuration,
  round: number,
): Promise<Row> {
  const { pipeline, sampling, text, signal } = context;
  const images = batchOf(context);
  // Factors and errors of the first seed, which are there already.
  const milliseconds = await preparation.use(
    configuration,
    context.seeds[0]!,
    () => {},
    async (cache) => {
      const sample = () =>
        pipeline.generateLatents({
          ...sampling,
          ...(configuration.steps !== undefined && { steps: configuration.steps }),
          ...subjectsOf(pipeline.network, { ...text, seed: context.seeds[0]! }, images),
          cache,
          ...(signal && { signal }),
        });
      // Pages of a cache are given by the system when they are first written, which can take as long as the run.
      await sample();
      const { report } = await sample();
      return report.milliseconds / images;
    },
  );
  const { name, family } = configuration;
  return { configuration: name, family, round, milliseconds };
}

function batchOf({ batch, images }: ExperimentContext): number {
  return Math.min(batch, images);
}
