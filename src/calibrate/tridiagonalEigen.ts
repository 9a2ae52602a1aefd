/** Eigenvalues and some eigenvectors of a symmetric tridiagonal matrix with entries of order 1. */
import { dot } from '../dot.js';
import { IncacheError } from '../errors.js';
import { addScaled, type DenseMatrix, scaleInPlace, zeros } from './matrix.js';

const SWEEPS_PER_EIGENVALUE = 60;
const SOLVES_PER_START = 6;
const STARTS = 4;

/** Part of the matrix that no coupling joins to the rest: rows first .. end - 1. */
interface Block {
  readonly first: number;
  readonly end: number;
}

interface Pair {
  readonly value: number;
  readonly block: Block;
}

export interface Eigenpairs {
  /** All n eigenvalues, largest first. */
  readonly values: Float64Array;
  /** One eigenvector of unit length a row, for the largest eigenvalues in the order of `values`. */
  readonly vectors: DenseMatrix;
}

/**
 * All eigenvalues of T, and orthonormal eigenvectors of the `count` largest. `offDiagonal[i]` couples i - 1
 * and i. Eigenvalues are exact to about 1e-16 of the largest one, whatever their own size.
 */
export function tridiagonalEigen(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  count: number,
): Eigenpairs {
  const n = diagonal.length;
  const negligible = Number.EPSILON * (norm(diagonal, offDiagonal) || 1);
  const pairs = blocks(offDiagonal, negligible).flatMap((block) =>
    Array.from(blockEigenvalues(diagonal, offDiagonal, block, negligible), (value) => ({ value, block })),
  );
  pairs.sort((a, b) => b.value - a.value);
  const vectors = zeros(count, n);
  const iteration = new InverseIteration(diagonal, offDiagonal, negligible, vectors);
  for (let i = 0; i < count; i++) iteration.find(i, pairs[i]!);
  return { values: Float64Array.from(pairs, (pair) => pair.value), vectors };
}

/** Largest absolute row sum. */
function norm(diagonal: Float64Array, offDiagonal: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < diagonal.length; i++) {
    const sum = Math.abs(diagonal[i]!) + Math.abs(offDiagonal[i]!) + Math.abs(offDiagonal[i + 1] ?? 0);
    largest = Math.max(largest, sum);
  }
  return largest;
}

function blocks(offDiagonal: Float64Array, negligible: number): Block[] {
  const found: Block[] = [];
  let first = 0;
  for (let i = 1; i <= offDiagonal.length; i++) {
    if (i < offDiagonal.length && Math.abs(offDiagonal[i]!) > negligible) continue;
    found.push({ first, end: i });
    first = i;
  }
  return found;
}

/** Implicit QL without vectors (EISPACK's imtql1), on copies. In no order. */
function blockEigenvalues(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  block: Block,
  negligible: number,
): Float64Array {
  const d = diagonal.slice(block.first, block.end);
  // e[i] couples i and i + 1 here, as the sweep reads it; the last is 0.
  const e = new Float64Array(d.length);
  e.set(offDiagonal.subarray(block.first + 1, block.end));
  for (let low = 0; low < d.length; low++) {
    for (let sweep = 0; ; sweep++) {
      let high = low;
      while (high < d.length - 1 && Math.abs(e[high]!) > negligible) high++;
      if (high === low) break;
      if (sweep === SWEEPS_PER_EIGENVALUE) throw new IncacheError('an eigenvalue was not found');
      qlSweep(d, e, low, high);
    }
  }
  return d;
}

/** One QL sweep over rows low .. high with the Wilkinson shift. */
function qlSweep(d: Float64Array, e: Float64Array, low: number, high: number): void {
  const ratio = (d[low + 1]! - d[low]!) / (2 * e[low]!);
  const root = Math.sqrt(ratio * ratio + 1);
  let g = d[high]! - d[low]! + e[low]! / (ratio + (ratio < 0 ? -root : root));
  let sine = 1;
  let cosine = 1;
  let shift = 0;
  for (let i = high - 1; i >= low; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      // The rotation has found an eigenvalue on its way: the sweep ends here.
      d[i + 1]! -= shift;
      e[high] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - shift;
    const s = (d[i]! - g) * sine + 2 * cosine * b;
    shift = sine * s;
    d[i + 1] = g + shift;
    g = cosine * s - b;
  }
  d[low]! -= shift;
  e[low] = g;
  e[high] = 0;
}

/**
 * Eigenvectors by inverse iteration. Each is kept orthogonal to all found before it in its block, not only
 * to those of close eigenvalues: spectra of weights are flat, so nearly all are close.
 */
class InverseIteration {
  readonly #factors: ShiftedFactors;
  readonly #blockOf: Block[] = [];
  readonly #x: Float64Array;
  readonly #random = generator();

  constructor(
    readonly diagonal: Float64Array,
    readonly offDiagonal: Float64Array,
    readonly negligible: number,
    readonly vectors: DenseMatrix,
  ) {
    this.#factors = new ShiftedFactors(diagonal.length);
    this.#x = new Float64Array(diagonal.length);
  }

  /** Writes the eigenvector of `pair` to row `index` of `vectors`. */
  find(index: number, pair: Pair): void {
    const { first, end } = pair.block;
    this.#factors.factor(this.diagonal, this.offDiagonal, pair, this.negligible);
    for (let start = 0; !this.#iterate(index, pair.block); start++) {
      if (start === STARTS) throw new IncacheError('an eigenvector was not found');
    }
    this.#blockOf.push(pair.block);
    const row = index * this.vectors.columns;
    this.vectors.data.set(this.#x.subarray(0, end - first), row + first);
  }

  /**
   * Solves from a random start until the solution has twice grown as only an eigenvector's does: its residual
   * is then of the order of rounding.
   */
  #iterate(index: number, block: Block): boolean {
    const size = block.end - block.first;
    const enough = 1 / (100 * size * this.negligible);
    for (let i = 0; i < size; i++) this.#x[i] = this.#random() - 0.5;
    let length = this.#orthonormalize(index, block);
    let grown = 0;
    for (let solve = 0; solve < SOLVES_PER_START && length > 0; solve++) {
      this.#factors.solve(this.#x, size);
      length = this.#orthonormalize(index, block);
      if (length >= enough && ++grown === 2) return true;
    }
    return false;
  }

  /** Makes x orthogonal to the earlier vectors of the block and of unit length; returns what it was. */
  #orthonormalize(index: number, block: Block): number {
    const { data, columns } = this.vectors;
    const size = block.end - block.first;
    for (let i = 0; i < index; i++) {
      if (this.#blockOf[i] !== block) continue;
      const row = i * columns + block.first;
      addScaled(-dot(data, row, this.#x, 0, size), data, row, this.#x, 0, size);
    }
    const length = Math.sqrt(dot(this.#x, 0, this.#x, 0, size));
    if (length > 0) scaleInPlace(1 / length, this.#x, 0, size);
    return length;
  }
}

/** T - value I of a block as P L U with row exchanges, as LAPACK's dgttrf. */
class ShiftedFactors {
  readonly #pivot: Float64Array;
  readonly #upper: Float64Array;
  readonly #second: Float64Array;
  readonly #multiplier: Float64Array;
  readonly #exchanged: Uint8Array;

  constructor(n: number) {
    this.#pivot = new Float64Array(n);
    this.#upper = new Float64Array(n);
    this.#second = new Float64Array(n);
    this.#multiplier = new Float64Array(n);
    this.#exchanged = new Uint8Array(n);
  }

  factor(
    diagonal: Float64Array,
    offDiagonal: Float64Array,
    { value, block }: Pair,
    negligible: number,
  ): void {
    const { first, end } = block;
    const size = end - first;
    let pivot = diagonal[first]! - value;
    let upper = size > 1 ? offDiagonal[first + 1]! : 0;
    for (let i = 0; i < size - 1; i++) {
      const coupling = offDiagonal[first + i + 1]!;
      const nextDiagonal = diagonal[first + i + 1]! - value;
      const nextUpper = i + 2 < size ? offDiagonal[first + i + 2]! : 0;
      const exchange = Math.abs(coupling) > Math.abs(pivot);
      this.#exchanged[i] = exchange ? 1 : 0;
      if (exchange) {
        const multiplier = pivot / coupling;
        this.#set(i, coupling, nextDiagonal, nextUpper, multiplier);
        pivot = upper - multiplier * nextDiagonal;
        upper = -multiplier * nextUpper;
      } else {
        const safe = awayFromZero(pivot, negligible);
        const multiplier = coupling / safe;
        this.#set(i, safe, upper, 0, multiplier);
        pivot = nextDiagonal - multiplier * upper;
        upper = nextUpper;
      }
    }
    this.#set(size - 1, awayFromZero(pivot, negligible), 0, 0, 0);
  }

  /** x := (T - value I)^-1 x. */
  solve(x: Float64Array, size: number): void {
    for (let i = 0; i < size - 1; i++) {
      const here = x[i]!;
      const next = x[i + 1]!;
      if (this.#exchanged[i] === 1) {
        x[i] = next;
        x[i + 1] = here - this.#multiplier[i]! * next;
      } else {
        x[i + 1] = next - this.#multiplier[i]! * here;
      }
    }
    let after = 0;
    let afterNext = 0;
    for (let i = size - 1; i >= 0; i--) {
      const value = (x[i]! - this.#upper[i]! * after - this.#second[i]! * afterNext) / this.#pivot[i]!;
      x[i] = value;
      afterNext = after;
      after = value;
    }
  }

  #set(i: number, pivot: number, upper: number, second: number, multiplier: number): void {
    this.#pivot[i] = pivot;
    this.#upper[i] = upper;
    this.#second[i] = second;
    this.#multiplier[i] = multiplier;
  }
}

/** A pivot of zero is what an exact eigenvalue gives; one of rounding size serves as well. */
function awayFromZero(value: number, smallest: number): number {
  if (Math.abs(value) >= smallest) return value;
  return value < 0 ? -smallest : smallest;
}

/** Uniform numbers in [0, 1) from a fixed seed (mulberry32): the same factors in every run. */
function generator(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
