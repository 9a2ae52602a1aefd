/** Every cache policy against fewer steps: the paper's tables 1 and 2 in shape. */
import { frechetName } from '../evaluate/metrics/frechet.js';
import { median } from '../median.js';
import { withinBudgets } from './budgets.js';
import { type Panel, type Point, scatter } from './chart/scatter.js';
import {
  budgeted,
  type Configuration,
  calibrated,
  calibratedFitted,
  calibratedGiven,
  calibratedOwn,
  calibratedSpread,
  chosen,
  FEWER_STEPS,
  fewerSteps,
  fitted,
  gated,
  givenRecipe,
  pab,
  ranksOf,
  reuse,
  taylorSeer,
} from './configuration.js';
import { withGain } from './equalCost.js';
import { EVALUATIONS, evaluationMeasurements } from './evaluations.js';
import type { Experiment, ExperimentContext, Row, Section } from './experiment.js';
import { qualityTable } from './qualityTable.js';
import { common, groupBy, spread } from './summary.js';
import { machineOf, TIMES, timeMeasurements } from './times.js';

const SHARES_OF_STEPS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];
const PERIODS = [2, 3, 4];
/** Shares of MACs: what periods of about 2 and 3 leave, and more where increments are added. */
const BUDGETS = [0.4, 0.5, 0.65];
/** What periods of 4, 3 and 2 take of 50 steps, of extrapolation and with increments of a rank of 1/8 and 1/4. */
const BUDGETS_AS_PERIODS = {
  extrapolated: [0.29, 0.37, 0.53],
  low: [0.45, 0.51, 0.63],
  high: [0.58, 0.63, 0.72],
};
/** Shares of steps that fits choose to compute: as periods of 2 and 3, and of half with increments. */
const COMPUTED = [0.52, 0.36];
const COMPUTED_CALIBRATED = 0.5;
/** Relative changes below which gates cache. */
const THRESHOLDS = [0.02, 0.04, 0.08];

/** A new policy is a line here. */
function configurations(context: ExperimentContext): readonly Configuration[] {
  const { pipeline, sampling, factors, recipe } = context;
  const [high, low] = ranksOf(pipeline.network, [1 / 4, 1 / 8]) as [number, number];
  const computed = (share: number) =>
    Math.min(sampling.steps, Math.max(2, Math.round(share * sampling.steps)));
  const all = [
    ...fewerSteps(sampling, SHARES_OF_STEPS),
    ...PERIODS.map((period) => reuse(period)),
    ...PERIODS.map((period) => calibrated('ca', high, period)),
    ...PERIODS.map((period) => calibrated('ca', low, period)),
    ...PERIODS.map((period) => calibrated('cd', high, period)),
    ...PERIODS.map((period) => calibrated('cd', low, period)),
    ...PERIODS.map((period) => calibrated('whitened', high, period)),
    ...PERIODS.map((period) => calibrated('cd', high, period, 1)),
    ...PERIODS.map((period) => calibrated('cd', low, period, 1)),
    ...[0, 1].flatMap((order) => PERIODS.map((period) => calibratedOwn(high, period, order))),
    ...PERIODS.map((period) => calibratedOwn(low, period, 1)),
    ...[0, 1].flatMap((order) => PERIODS.map((period) => calibratedSpread(high, period, order))),
    ...PERIODS.map((period) => calibratedSpread(low, period, 1)),
    ...BUDGETS.map((budget) => budgeted('searched', budget)),
    ...BUDGETS.map((budget) => budgeted('searched', budget, { method: 'cd', rank: low })),
    ...BUDGETS_AS_PERIODS.extrapolated.map((budget) => budgeted('searched', budget, undefined, 1)),
    ...BUDGETS_AS_PERIODS.extrapolated.map((budget) => budgeted('searched', budget, undefined, 2)),
    ...BUDGETS_AS_PERIODS.low.map((budget) => budgeted('searched', budget, { method: 'cd', rank: low }, 1)),
    ...BUDGETS_AS_PERIODS.high.map((budget) => budgeted('searched', budget, { method: 'cd', rank: high }, 1)),
    ...BUDGETS.map((budget) => budgeted('mixed', budget)),
    ...BUDGETS.map((budget) => budgeted('mixed', budget, { method: 'cd', rank: low })),
    ...PERIODS.map((period) => taylorSeer(1, period)),
    ...PERIODS.map((period) => taylorSeer(2, period)),
    ...PERIODS.map((period) => taylorSeer(2, period, 'newton')),
    ...PERIODS.map((period) => taylorSeer(2, period, 'hermite')),
    ...PERIODS.map((period) => taylorSeer(2, period, 'foca')),
    ...PERIODS.map((period) => pab(period)),
    ...[...new Set(COMPUTED.map(computed))].map((count) => fitted(3, count)),
    ...[high, low].map((rank) => calibratedFitted(rank, 4, computed(COMPUTED_CALIBRATED))),
    ...(factors ? PERIODS.map((period) => calibratedGiven(factors, period)) : []),
    ...(recipe ? [givenRecipe(recipe)] : []),
    ...THRESHOLDS.map((threshold) => gated('teacache', threshold)),
    ...THRESHOLDS.map((threshold) => gated('first-block', threshold)),
    ...THRESHOLDS.map((threshold) => gated('fastcache', threshold)),
    ...THRESHOLDS.map((threshold) => gated('easycache', threshold)),
  ];
  return withinBudgets(chosen(all, context), context);
}

export const policies: Experiment = {
  about:
    'quality of every cache policy against MACs and against time; fewer steps is what any cache must beat',

  measurements(context) {
    const all = configurations(context);
    return [
      ...evaluationMeasurements(context, all),
      ...(context.times ? timeMeasurements(context, all) : []),
    ];
  },

  report(tables, context) {
    const timed = tables.get(TIMES);
    const times = timed && relativeTimes(timed);
    const atMacs = withGain(tables.get(EVALUATIONS)!, 'gain', ({ gmac }) => Number(gmac));
    const rows = times
      ? withGain(atMacs, 'gainInTime', ({ configuration }) => times.get(String(configuration))!)
      : atMacs;
    const frechet = frechetName(context.judge?.extractor.name ?? '');
    const gmac = (group: readonly Row[]) => spread(group, 'gmac')!.mean;
    const panel = (x: string, xOf: (group: readonly Row[]) => number, y: string, column: string): Panel => ({
      x,
      y,
      points: pointsOf(rows, xOf, column),
    });
    return {
      title: 'Cache policies',
      introduction: `Every configuration samples the same ${context.images} images of a seed (noise, and classes or prompts); PSNR, SSIM and relative L2 are to the run without a cache.
MACs count both branches of guidance. **Gain** is the PSNR above that of ${FEWER_STEPS} at the same MACs, or in the same time (between two step counts on a straight line): a policy
without a gain is better replaced by a shorter schedule. ± is the standard deviation over seeds.`,
      chart: scatter([
        panel('GMAC an image', gmac, 'PSNR to uncached, dB', 'psnr'),
        ...(times ? [panel('time, uncached = 1', timeOf(times), 'PSNR to uncached, dB', 'psnr')] : []),
        panel('GMAC an image', gmac, frechet, 'frechet'),
      ]),
      sections: [
        qualityTable(rows, context, 'Quality', [
          { column: 'gain', title: 'gain, dB', digits: 2 },
          { column: 'gainInTime', title: 'gain in equal time, dB', digits: 2 },
        ]),
        ...(timed && times ? [timeTable(timed, times, context)] : []),
      ],
    };
  },
};

function timeOf(times: ReadonlyMap<string, number>): (group: readonly Row[]) => number {
  return (group) => times.get(String(common(group, 'configuration')))!;
}

/** A point a configuration. */
function pointsOf(rows: readonly Row[], xOf: (group: readonly Row[]) => number, column: string): Point[] {
  return groupBy(rows, ['configuration']).flatMap((group): Point[] => {
    const found = spread(group, column);
    if (!found) return [];
    const { mean, ...rest } = found;
    const family = String(common(group, 'family'));
    const label = labelOf(String(common(group, 'configuration')), family);
    return [{ family, x: xOf(group), y: mean, ...rest, label }];
  });
}

/** `p=2` of `calibrated cd r=16 p=2`, whose family is the rest of it. */
function labelOf(configuration: string, family: string): string {
  return configuration.startsWith(family) ? configuration.slice(family.length).trim() : configuration;
}

/** Medians over rounds of the time over that of the uncached run of the same round, by configuration. */
function relativeTimes(rows: readonly Row[]): Map<string, number> {
  const whole = new Map(
    rows
      .filter(({ family }) => family === 'uncached')
      .map(({ round, milliseconds }) => [round, Number(milliseconds)]),
  );
  return new Map(
    groupBy(rows, ['configuration']).map((group) => [
      String(common(group, 'configuration')),
      median(group.map(({ round, milliseconds }) => Number(milliseconds) / whole.get(round!)!)),
    ]),
  );
}

function timeTable(
  rows: readonly Row[],
  relative: ReadonlyMap<string, number>,
  context: ExperimentContext,
): Section {
  return {
    title: 'Time',
    text: `On ${machineOf(context)}. Medians of ${new Set(rows.map(({ round }) => round)).size} rounds, in each of which every configuration sampled one batch twice; the second time is taken, set-up apart.`,
    header: ['configuration', 'ms an image', 'uncached = 1'],
    rows: groupBy(rows, ['configuration']).map((group) => {
      const name = String(common(group, 'configuration'));
      const milliseconds = median(group.map((row) => Number(row.milliseconds)));
      return [name, milliseconds.toFixed(1), relative.get(name)!.toFixed(3)];
    }),
  };
}
