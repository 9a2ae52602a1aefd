/** Calibrated operations whose ranks take a fused kernel several passes, and such whose ranks do not fit into one. */
import { CaseBuilder, type ConformanceCase } from '../conformance/cases/builder.js';
import { Random } from './random.js';

const [ROWS, INPUTS, MIDDLE, OUTPUTS] = [21, 37, 133, 75];

export function highRankCases(): ConformanceCase[] {
  return [
    ...[70, 300].map((rank) => linear(rank)),
    ...(
      [
        [70, 130],
        [200, 200],
      ] as const
    ).map(([first, second]) => mlp(first, second)),
  ];
}

function linear(rank: number): ConformanceCase {
  const b = new CaseBuilder(new Random(rank));
  const x = b.state(ROWS, INPUTS);
  return b.finish(
    {
      op: 'calibratedLinear',
      x,
      cachedInput: b.near(x, 0.1),
      cachedOutput: b.state(ROWS, OUTPUTS),
      factors: [{ down: b.weight(rank, INPUTS), up: b.weight(OUTPUTS, rank) }],
      epilogue: 'gelu',
      out: b.poisoned(ROWS, OUTPUTS),
    },
    2e-6,
  );
}

function mlp(first: number, second: number): ConformanceCase {
  const b = new CaseBuilder(new Random(first));
  return b.finish(
    {
      op: 'calibratedMlp',
      x: b.state(ROWS, INPUTS),
      cachedHidden: b.state(ROWS, first),
      cachedPreActivation: b.state(ROWS, MIDDLE),
      cachedOutput: b.state(ROWS, OUTPUTS),
      factors: [
        { down: b.weight(first, INPUTS), up: b.weight(MIDDLE, first) },
        { down: b.weight(second, MIDDLE), up: b.weight(OUTPUTS, second) },
      ],
      epilogue: 'none',
      out: b.poisoned(ROWS, OUTPUTS),
    },
    2e-6,
  );
}
