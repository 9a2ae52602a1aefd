/** Time of the factors of one DiT-XL/2 block (hidden 1152, MLP 4608), on random weights. */
import { type Factors, scaledFactors, whitenedFactors } from '../../src/calibrate/factors.js';

const HIDDEN = 1152;
const MLP = 4608;

interface Layer {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
}

const LAYERS: readonly Layer[] = [
  { name: 'q', rows: HIDDEN, columns: HIDDEN },
  { name: 'k', rows: HIDDEN, columns: HIDDEN },
  { name: 'v', rows: HIDDEN, columns: HIDDEN },
  { name: 'proj', rows: HIDDEN, columns: HIDDEN },
  { name: 'fc1', rows: MLP, columns: HIDDEN },
  { name: 'fc2', rows: HIDDEN, columns: MLP },
];

/** The time of the factors of one block, on one thread, for a diagonal method and for whitening. */
export function factors(ranks: readonly number[] = [128, 192]) {
  const rows = ranks.flatMap((rank) => [
    { method: 'cd', rank, seconds: timeBlock((layer) => diagonal(layer, rank)) },
    { method: 'whitened', rank, seconds: timeBlock((layer) => whitened(layer, rank)) },
  ]);
  const cells = (seconds: readonly number[]) => seconds.map((value) => value.toFixed(2)).join(' | ');
  const text = [
    'Factors of one DiT-XL/2 block from random weights, seconds on one thread',
    '',
    `| method | rank | ${LAYERS.map(({ name }) => name).join(' | ')} | block |`,
    `|${'---|'.repeat(LAYERS.length + 3)}`,
    ...rows.map(
      ({ method, rank, seconds }) => `| ${method} | ${rank} | ${cells([...seconds, sum(seconds)])} |`,
    ),
  ].join('\n');
  return { text, rows };
}

/** Seconds of each layer; the data is made before the clock starts. */
function timeBlock(prepare: (layer: Layer) => () => Factors): number[] {
  return LAYERS.map((layer) => {
    const run = prepare(layer);
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function diagonal({ rows, columns }: Layer, rank: number): () => Factors {
  const weight = noise(rows * columns);
  const inputScale = noise(columns).map(Math.abs);
  const outputScale = noise(rows).map(Math.abs);
  return () => scaledFactors({ weight, rows, columns, rank, inputScale, outputScale });
}

/** On the side with fewer channels, as it should be called; the moment is a random diagonal. */
function whitened({ rows, columns }: Layer, rank: number): () => Factors {
  const weight = noise(rows * columns);
  const side = rows > columns ? 'input' : 'output';
  const channels = Math.min(rows, columns);
  const secondMoment = new Float64Array(channels * channels);
  for (let i = 0; i < channels; i++) secondMoment[i * channels + i] = 0.1 + Math.random();
  return () => whitenedFactors({ weight, rows, columns, rank, side, secondMoment, ridge: 1e-3 });
}

/** Uniform in -0.5 .. 0.5. */
function noise(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}
