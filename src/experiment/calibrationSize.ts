/** How much calibration data is needed, and whether it must look like what is sampled. */

import type { FactorMethod } from '../calibrate/factors.js';
import { frechetName } from '../evaluate/metrics/frechet.js';
import type { CalibrationChoice } from './calibrationData.js';
import { type Point, scatter } from './chart/scatter.js';
import { type Configuration, calibrated, chosen, ranksOf, reuse } from './configuration.js';
import { EVALUATIONS, evaluationMeasurements } from './evaluations.js';
import type { Experiment, ExperimentContext, Row } from './experiment.js';
import { qualityTable } from './qualityTable.js';
import { common, groupBy, spread } from './summary.js';

const PERIOD = 2;
const SHARE_OF_WIDTH = 1 / 8;
const METHODS: readonly FactorMethod[] = ['ca', 'cd', 'whitened'];
const COUNTS = [16, 32, 64, 128, 256, 512];
/** Number of samples of the data that are not images of the domain. */
const OTHER_COUNT = 256;

function configurations(context: ExperimentContext): readonly Configuration[] {
  const [rank] = ranksOf(context.pipeline.network, [SHARE_OF_WIDTH]) as [number];
  const all = [
    reuse(PERIOD),
    ...METHODS.flatMap((method) =>
      choices(context).map((calibration): Configuration => {
        const plain = calibrated(method, rank, PERIOD);
        const { data, count } = calibration;
        return {
          ...plain,
          name: `${method} r=${rank} on ${count} ${data}`,
          factors: { method, rank, calibration },
          parameters: { method, rank, data, count },
        };
      }),
    ),
  ];
  return chosen(all, context);
}

/** As many images as there are, then other data. */
function choices({ calibrationImages }: ExperimentContext): CalibrationChoice[] {
  const images = calibrationImages?.labels.length ?? 0;
  const others = Math.min(OTHER_COUNT, images || OTHER_COUNT);
  return [
    ...COUNTS.filter((count) => count <= images).map((count) => ({ data: 'images', count }) as const),
    ...(images > 0 ? [{ data: 'inverted', count: others } as const] : []),
    { data: 'noise', count: others },
    { data: 'trajectories', count: others },
  ];
}

export const calibrationSize: Experiment = {
  about: 'quality over the number of calibration images, and with images of another kind',

  measurements: (context) => evaluationMeasurements(context, configurations(context)),

  report(tables, context) {
    const rows = tables.get(EVALUATIONS)!;
    const frechet = frechetName(context.judge?.extractor.name ?? '');
    return {
      title: 'Calibration data',
      introduction: `Calibrated increments at period ${PERIOD} and one rank, with factors made from more or fewer images, and from data that is not of the domain: the images
with black and white exchanged (\`inverted\`), normal deviates (\`noise\`), and the model's own \`trajectories\`, which need no images. ± is the standard deviation
over seeds; a seed draws its own timesteps and noise for calibration.`,
      chart: scatter([
        {
          x: 'calibration images',
          y: 'PSNR to uncached, dB',
          points: pointsOf(rows, 'psnr'),
          log2X: true,
        },
        { x: 'calibration images', y: frechet, points: pointsOf(rows, 'frechet'), log2X: true },
      ]),
      sections: [qualityTable(rows, context, 'Quality')],
    };
  },
};

function pointsOf(rows: readonly Row[], column: string): Point[] {
  return groupBy(
    rows.filter(({ method }) => method !== undefined),
    ['configuration'],
  ).flatMap((group): Point[] => {
    const found = spread(group, column);
    if (!found) return [];
    const { mean, ...rest } = found;
    const family = `${common(group, 'method')}, ${common(group, 'data')}`;
    return [{ family, x: Number(common(group, 'count')), y: mean, ...rest }];
  });
}
