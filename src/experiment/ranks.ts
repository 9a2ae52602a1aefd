/** The rank and the method of the factors: the paper's tables 4 and 5 and figure 7. */

import { FACTOR_METHODS } from '../calibrate/factors.js';
import { frechetName } from '../evaluate/metrics/frechet.js';
import { type Point, scatter } from './chart/scatter.js';
import { type Configuration, calibrated, chosen, ranksOf, reuse } from './configuration.js';
import { EVALUATIONS, evaluationMeasurements } from './evaluations.js';
import type { Experiment, ExperimentContext, Row, Section } from './experiment.js';
import { qualityTable } from './qualityTable.js';
import { common, groupBy, spread, spreadText } from './summary.js';

const PERIOD = 2;
/** The largest first: the others are cut from its factors. */
const SHARES_OF_WIDTH = [1 / 2, 3 / 8, 1 / 4, 1 / 8, 1 / 16, 1 / 32];

function configurations(context: ExperimentContext): readonly Configuration[] {
  const all = [
    { ...reuse(PERIOD), parameters: { method: 'reuse', rank: 0 } },
    ...FACTOR_METHODS.flatMap((method) =>
      ranksOf(context.pipeline.network, SHARES_OF_WIDTH).map((rank) => ({
        ...calibrated(method, rank, PERIOD),
        parameters: { method, rank },
      })),
    ),
  ];
  return chosen(all, context);
}

export const ranks: Experiment = {
  about: 'quality over the rank of the factors, for every method of making them',

  measurements: (context) => evaluationMeasurements(context, configurations(context)),

  report(tables, context) {
    const rows = tables.get(EVALUATIONS)!;
    const frechet = frechetName(context.judge?.extractor.name ?? '');
    return {
      title: 'Ranks and methods',
      introduction: `Calibrated increments at period ${PERIOD}, one rank r for all layers. Rank 0 is reuse. All against the run without a cache on the same noise;
± is the standard deviation over seeds, of which each has its own calibration too.`,
      chart: scatter([
        { x: 'rank', y: 'PSNR to uncached, dB', points: pointsOf(rows, 'psnr'), log2X: true },
        { x: 'rank', y: frechet, points: pointsOf(rows, 'frechet'), log2X: true },
      ]),
      sections: [rankTable(rows), qualityTable(rows, context, 'All metrics')],
    };
  },
};

/** Ranks down, methods across. */
function rankTable(all: readonly Row[]): Section {
  const rows = all.filter(({ method }) => method !== 'reuse' && method !== undefined);
  const cell = (rank: unknown, method: string) =>
    rows.filter((row) => row.rank === rank && row.method === method);
  return {
    title: 'PSNR to uncached, dB',
    header: ['rank', 'GMAC an image', ...FACTOR_METHODS],
    rows: groupBy(rows, ['rank']).map((group) => {
      const rank = common(group, 'rank');
      const psnr = (method: string) => spreadText(spread(cell(rank, method), 'psnr'), 2);
      return [String(rank), spread(group, 'gmac')!.mean.toFixed(2), ...FACTOR_METHODS.map(psnr)];
    }),
  };
}

function pointsOf(rows: readonly Row[], column: string): Point[] {
  return groupBy(rows, ['method', 'rank']).flatMap((group): Point[] => {
    const [found, rank] = [spread(group, column), Number(common(group, 'rank'))];
    // A logarithm has no place for reuse.
    if (!found || rank === 0) return [];
    const { mean, ...rest } = found;
    return [{ family: String(common(group, 'method')), x: rank, y: mean, ...rest }];
  });
}
