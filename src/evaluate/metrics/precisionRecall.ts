/**
 * Improved precision and recall (Kynkaanniemi et al., "Improved precision and recall metric for assessing
 * generative models", arXiv 1904.06991, equations 1 and 2): the share of one set of feature vectors that lies in
 * the manifold of the other, which is the union of balls around its vectors that reach to their k-th neighbour.
 */
import { ArgumentError, requireInteger } from '../../errors.js';
import { Turns } from './turns.js';

/** `data` holds rows * columns numbers: a feature vector a row. */
export interface FeatureRows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
}

export interface PrecisionRecall {
  /** Share of generated vectors in the manifold of the reference: how good the images are. */
  readonly precision: number;
  /** Share of reference vectors in the manifold of the generated ones: how much of the variety there is. */
  readonly recall: number;
}

/** The paper's k. */
export const DEFAULT_NEIGHBOURS = 3;

export interface PrecisionRecallOptions {
  /** Default `DEFAULT_NEIGHBOURS`. */
  readonly neighbours?: number;
  readonly signal?: AbortSignal;
}

/**
 * Time grows with the square of the number of vectors; 10,000 of 64 features take seconds. The event loop turns
 * meanwhile. Rejects with the signal's reason when it is aborted, and with an `ArgumentError` unless both sets have
 * the same features and more than `neighbours` vectors.
 */
export async function precisionRecall(
  reference: FeatureRows,
  generated: FeatureRows,
  { neighbours = DEFAULT_NEIGHBOURS, signal }: PrecisionRecallOptions = {},
): Promise<PrecisionRecall> {
  requireInteger('neighbours', neighbours, 1);
  if (generated.columns !== reference.columns)
    throw new ArgumentError(
      'reference',
      `of ${reference.columns} features`,
      `${generated.columns}, as the generated vectors have`,
    );
  requireRows('reference', reference, neighbours);
  requireRows('generated', generated, neighbours);
  const turns = new Turns(signal);
  return {
    precision: await shareInside(
      generated,
      reference,
      await squaredRadii(reference, neighbours, turns),
      turns,
    ),
    recall: await shareInside(reference, generated, await squaredRadii(generated, neighbours, turns), turns),
  };
}

function requireRows(name: string, { rows, columns, data }: FeatureRows, neighbours: number): void {
  if (rows <= neighbours)
    throw new ArgumentError(
      name,
      `${rows} vectors`,
      `at least ${neighbours + 1} for ${neighbours} neighbours`,
    );
  if (data.length !== rows * columns)
    throw new ArgumentError(name, `${data.length} numbers`, `${rows * columns}, ${columns} for each vector`);
}

/** Squared distance of every vector to its k-th nearest among the others. */
async function squaredRadii(set: FeatureRows, neighbours: number, turns: Turns): Promise<Float64Array> {
  const radii = new Float64Array(set.rows);
  const nearest = new Float64Array(neighbours);
  for (let i = 0; i < set.rows; i++) {
    await turns.take();
    nearest.fill(Number.POSITIVE_INFINITY);
    for (let j = 0; j < set.rows; j++) {
      if (j === i) continue;
      const distance = squaredDistance(set, i, set, j, nearest[neighbours - 1]!);
      let place = neighbours - 1;
      if (distance >= nearest[place]!) continue;
      for (; place > 0 && nearest[place - 1]! > distance; place--) nearest[place] = nearest[place - 1]!;
      nearest[place] = distance;
    }
    radii[i] = nearest[neighbours - 1]!;
  }
  return radii;
}

async function shareInside(
  points: FeatureRows,
  centres: FeatureRows,
  radii: Float64Array,
  turns: Turns,
): Promise<number> {
  let inside = 0;
  for (let i = 0; i < points.rows; i++) {
    await turns.take();
    for (let j = 0; j < centres.rows; j++)
      if (squaredDistance(points, i, centres, j, radii[j]!) <= radii[j]!) {
        inside++;
        break;
      }
  }
  return inside / points.rows;
}

/** Squared distance of row i of A to row j of B; a sum that has passed `limit` is not carried on. */
function squaredDistance(a: FeatureRows, i: number, b: FeatureRows, j: number, limit: number): number {
  const [rowA, rowB] = [i * a.columns, j * b.columns];
  let sum = 0;
  for (let c = 0; c < a.columns && sum <= limit; c++) sum += (a.data[rowA + c]! - b.data[rowB + c]!) ** 2;
  return sum;
}
