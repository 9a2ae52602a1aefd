/** Magnitudes of channels by layer: the outliers that make plain SVD a poor choice (the paper's figure 4). */
import type { TopLevelSpec } from 'vega-lite';
import { type MeasureOptions, measureStatistics } from '../calibrate/measureStatistics.js';
import { ArgumentError } from '../errors.js';
import { median } from '../median.js';
import {
  calibrationSeed,
  calibrationSource,
  calibrationWork,
  defaultCalibration,
} from './calibrationData.js';
import type { Experiment, ExperimentContext, Measurement, Row, Section } from './experiment.js';
import { common, groupBy, spread, spreadText } from './summary.js';

const MAGNITUDES = 'magnitudes';
const KINDS = ['values', 'increments'] as const;
/** Shares of the channels of a layer whose magnitude is less; 1 is the largest. */
const QUANTILES = { p10: 0.1, p90: 0.9, p99: 0.99, largest: 1 } as const;

export const outliers: Experiment = {
  about: 'magnitudes of the channels of every linear, of its values and of their change between two steps',

  samplesNothing: true,

  measurements(context) {
    if (context.only)
      throw new ArgumentError('only', context.only, 'nothing for outliers, which compares no configurations');
    return context.seeds.flatMap((seed) => KINDS.map((kind) => magnitudeMeasurement(context, kind, seed)));
  },

  report(tables) {
    const rows = tables.get(MAGNITUDES)!;
    return {
      title: 'Outlier channels',
      introduction: `The mean of |value| over tokens and images (\`values\`, which weigh \`ca\`), and of the |change| from one step to the next (\`increments\`, \`cd\`), for every channel
of the input and the output of every linear. Shown are channels by their magnitude over the median channel of the same layer: a largest of 10 is a channel ten
times as strong as the usual one, which an unscaled SVD does not know of.`,
      chart: chartOf(rows),
      sections: [siteTable(rows), strongestTable(rows)],
    };
  },
};

function magnitudeMeasurement(
  context: ExperimentContext,
  kind: (typeof KINDS)[number],
  seed: number,
): Measurement {
  const calibration = defaultCalibration(context);
  const work = calibrationWork(calibration, context.sampling.steps);
  return {
    name: `magnitudes of ${kind} seed ${seed}`,
    table: MAGNITUDES,
    key: { kind, seed, calibration },
    work,
    async measure(advance) {
      const source = await calibrationSource(context, calibration, calibrationSeed(seed));
      const options: MeasureOptions = {
        source,
        increments: kind === 'increments',
        signal: context.signal,
        onBatch: () => advance(work / source.batches),
      };
      const statistics = await measureStatistics(context.pipeline, options);
      const { groups, blocks } = context.pipeline.network;
      return groups.flatMap((group) =>
        group.layers.flatMap((layer, place): Row[] => {
          const { inputMagnitudes, outputMagnitudes } = statistics.get(layer.name)!;
          const row = (site: string, magnitudes: Float64Array): Row => ({
            kind,
            block: blocks.findIndex(({ name }) => name === layer.block),
            site,
            seed,
            ...quantilesOf(magnitudes),
          });
          const output = row(`${layer.kind} output`, outputMagnitudes);
          // The layers of a group have one input.
          return place === 0 ? [row(`${group.kind} input`, inputMagnitudes), output] : [output];
        }),
      );
    },
  };
}

/** The median as it is, the others over it. */
function quantilesOf(magnitudes: Float64Array): Row {
  const sorted = [...magnitudes].sort((a, b) => a - b);
  const middle = median(sorted);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / middle;
  const quantiles = Object.entries(QUANTILES).map(([name, share]) => [name, at(share)]);
  return { median: middle, ...Object.fromEntries(quantiles), channel: magnitudes.indexOf(sorted.at(-1)!) };
}

function siteTable(rows: readonly Row[]): Section {
  return {
    title: 'Largest over median channel',
    text: 'The mean over blocks and seeds, and the largest of any block.',
    header: ['', ...KINDS.flatMap((kind) => [`${kind}, mean`, `${kind}, largest`])],
    rows: groupBy(rows, ['site']).map((site) => [
      String(common(site, 'site')),
      ...KINDS.flatMap((kind) => {
        const group = site.filter((row) => row.kind === kind);
        const largest = Math.max(...group.map((row) => Number(row.largest)));
        return [spread(group, 'largest')!.mean.toFixed(2), largest.toFixed(2)];
      }),
    ]),
  };
}

function strongestTable(rows: readonly Row[]): Section {
  const layers = groupBy(rows, ['kind', 'block', 'site']);
  const ratio = (group: readonly Row[]) => spread(group, 'largest')!.mean;
  const strongest = [...layers].sort((a, b) => ratio(b) - ratio(a)).slice(0, 10);
  return {
    title: 'The ten strongest',
    header: ['block', 'site', 'of', 'channel', 'over the median', '99th percentile'],
    rows: strongest.map((group) => [
      String(common(group, 'block')),
      String(common(group, 'site')),
      String(common(group, 'kind')),
      [...new Set(group.map(({ channel }) => channel))].join(', '),
      spreadText(spread(group, 'largest'), 2),
      spreadText(spread(group, 'p99'), 2),
    ]),
  };
}

/** A row of panels a kind; in each the quantiles of a site over the blocks. */
function chartOf(rows: readonly Row[]): TopLevelSpec {
  const values = groupBy(rows, ['kind', 'site', 'block']).flatMap((group) =>
    Object.keys(QUANTILES).map((quantile) => ({
      kind: common(group, 'kind'),
      site: common(group, 'site'),
      block: common(group, 'block'),
      quantile,
      ratio: spread(group, quantile)!.mean,
    })),
  );
  const sites = [...new Set(rows.map(({ site }) => String(site)))];
  return {
    data: { values },
    facet: {
      row: { field: 'kind', type: 'nominal', title: null, sort: [...KINDS] },
      column: { field: 'site', type: 'nominal', title: null, sort: sites },
    },
    spec: {
      width: 100,
      height: 160,
      mark: 'line',
      encoding: {
        x: { field: 'block', type: 'quantitative', title: 'block', axis: { grid: false, tickCount: 4 } },
        y: { field: 'ratio', type: 'quantitative', scale: { type: 'log' }, title: 'over the median channel' },
        color: { field: 'quantile', type: 'nominal', title: null, sort: Object.keys(QUANTILES).reverse() },
      },
    },
  };
}
