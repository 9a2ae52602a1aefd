/** Time of the factors of one DiT-XL/2 block (hidden 1152, MLP 4608), on random weights. */
import { pathToFileURL } from 'node:url';
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

/** Prints the seconds of each layer and of the block, for a diagonal method and for whitening. */
export function benchSvd(ranks: readonly number[] = [128, 192]): void {
  for (const rank of ranks) {
    timeBlock(`cd, rank ${rank}`, (layer) => diagonal(layer, rank));
    timeBlock(`whitened, rank ${rank}`, (layer) => whitened(layer, rank));
  }
}

/** The data is made before the clock starts. */
function timeBlock(title: string, prepare: (layer: Layer) => () => Factors): void {
  let total = 0;
  for (const layer of LAYERS) {
    const run = prepare(layer);
    const start = performance.now();
    run();
    const seconds = (performance.now() - start) / 1000;
    total += seconds;
    console.log(`${title}: ${layer.name} ${layer.rows} x ${layer.columns} ${seconds.toFixed(2)} s`);
  }
  console.log(`${title}: block ${total.toFixed(2)} s`);
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) benchSvd();
