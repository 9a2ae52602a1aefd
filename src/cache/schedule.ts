/**
 * When each layer is computed and stored, and when its store is used instead: the gather and scatter
 * matrices G and S of increment-calibrated caching (METHOD: Cache and schedule; paper, section 3.2).
 */
import { ArgumentError, requireInteger, requireOneOf } from '../errors.js';
import type { Layer, Network } from '../models/network.js';

/** What one column of G and S stands for: one linear layer, a sublayer (attention or MLP), or a whole block. */
export const GRANULARITIES = ['linear', 'sublayer', 'block'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

/** A binary matrix, steps x layers. */
export type BinaryMatrix = readonly (readonly number[])[];

/** The columns of G and S for a network. */
export function scheduleLayers(network: Network, granularity: Granularity): string[] {
  requireOneOf('granularity', granularity, GRANULARITIES);
  const { layers, sublayers, blocks } = network;
  return { linear: layers, sublayer: sublayers, block: blocks }[granularity].map(({ name }) => name);
}

export class Schedule {
  readonly layers: readonly string[];
  /** G: 1 where a layer is computed in full. */
  readonly gather: BinaryMatrix;
  /** S: 1 where its store is used. */
  readonly scatter: BinaryMatrix;
  readonly #columns: ReadonlyMap<string, number>;

  /**
   * From given matrices, steps x layers. Throws an `ArgumentError` that names the cell unless every cell has
   * exactly one of G and S, and the first step gathers everywhere.
   */
  constructor(layers: readonly string[], gather: BinaryMatrix, scatter: BinaryMatrix) {
    for (const [name, value] of Object.entries({ layers, G: gather, S: scatter }))
      if (!Array.isArray(value)) throw new ArgumentError(name, value, 'a list');
    requireInteger('steps', gather.length, 1);
    if (scatter.length !== gather.length)
      throw new ArgumentError('S', `${scatter.length} steps`, `${gather.length} steps, as in G`);
    for (let step = 0; step < gather.length; step++) checkStep(layers, step, gather[step]!, scatter[step]!);
    this.layers = [...layers];
    this.gather = gather.map((row) => [...row]);
    this.scatter = scatter.map((row) => [...row]);
    this.#columns = new Map(layers.map((layer, column) => [layer, column]));
  }

  /** From a rule: whether `layer` gathers at `step`. The rule is not asked for step 0, which always gathers. */
  static fromRule(
    layers: readonly string[],
    steps: number,
    gathers: (step: number, layer: string) => boolean,
  ): Schedule {
    requireInteger('steps', steps, 1);
    const gather = Array.from({ length: steps }, (_, step) =>
      layers.map((layer) => (step === 0 || gathers(step, layer) ? 1 : 0)),
    );
    const scatter = gather.map((row) => row.map((cell) => 1 - cell));
    return new Schedule(layers, gather, scatter);
  }

  /** Fixed period p, as in FORA: everything gathers when step mod p = 0. */
  static fromPeriod(layers: readonly string[], steps: number, period: number): Schedule {
    requireInteger('period', period, 1);
    return Schedule.fromRule(layers, steps, (step) => step % period === 0);
  }

  /** Everything gathers at the given steps, which must include step 0. */
  static fromSteps(layers: readonly string[], steps: number, gatherSteps: readonly number[]): Schedule {
    requireInteger('steps', steps, 1);
    if (!Array.isArray(gatherSteps)) throw new ArgumentError('gather steps', gatherSteps, 'a list of steps');
    for (const step of gatherSteps) requireInteger('gather step', step, 0, steps - 1);
    if (!gatherSteps.includes(0))
      throw new ArgumentError('gather steps', gatherSteps, 'a list that includes step 0');
    return Schedule.fromRule(layers, steps, (step) => gatherSteps.includes(step));
  }

  get steps(): number {
    return this.gather.length;
  }

  /** Whether a layer gathers at a step, whichever the granularity of the columns. */
  gathers(step: number, { name, sublayer, block }: Layer): boolean {
    for (const column of [name, sublayer, block]) {
      const place = this.#columns.get(column);
      if (place !== undefined) return this.gather[step]![place] === 1;
    }
    throw new ArgumentError('schedule', this.layers, `a column for ${name}`);
  }
}

function checkStep(
  layers: readonly string[],
  step: number,
  gather: readonly number[],
  scatter: readonly number[],
): void {
  for (const [name, row] of [
    ['G', gather],
    ['S', scatter],
  ] as const)
    if (row?.length !== layers.length)
      throw new ArgumentError(
        `${name}[${step}]`,
        row?.length === undefined ? row : `${row.length} cells wide`,
        `one cell for each of ${layers.length} layers`,
      );
  for (const [column, layer] of layers.entries()) {
    const g = gather[column]!;
    const s = scatter[column]!;
    const cell = `G and S at step ${step}, layer ${layer}`;
    if ((g !== 0 && g !== 1) || (s !== 0 && s !== 1) || g + s !== 1)
      throw new ArgumentError(cell, [g, s], 'exactly one of the two to be 1 and the other 0');
    if (step === 0 && g !== 1) throw new ArgumentError(cell, [g, s], 'the first step to gather everywhere');
  }
}
