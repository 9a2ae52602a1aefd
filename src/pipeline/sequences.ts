/** Which sequences the network is given for the images of a batch, and what each is conditioned on. */
import type { ConditionValues } from '../engine/session.js';
import { classesOf, type Network } from '../models/network.js';

/** For each image of a batch, its conditions, and those of its unconditional branch. */
export interface BatchConditions {
  readonly conditional: readonly ConditionValues[];
  readonly unconditional: readonly ConditionValues[];
}

/** What is the same for all steps of a batch. */
export interface Sequences {
  /** The conditions of each sequence: conditional rows, then unconditional ones under guidance. */
  readonly all: readonly ConditionValues[];
  /** Those that differ in conditions of scope `table`: each has a row of the table at every step. */
  readonly distinct: readonly ConditionValues[];
  /** For each sequence its place in `distinct`. */
  readonly places: readonly number[];
}

/** Whether a guidance scale needs the unconditional branch. */
export function isGuided(guidanceScale: number): boolean {
  return guidanceScale !== 1;
}

/** Conditions of images with these labels; the unconditional branch has the null class, which comes after the last class. */
export function labelConditions(
  network: Pick<Network, 'conditions'>,
  labels: readonly number[],
): BatchConditions {
  const ofLabel = (label: number): ConditionValues => ({ conditions: { labels: [label] } });
  return {
    conditional: labels.map(ofLabel),
    unconditional: labels.map(() => ofLabel(classesOf(network))),
  };
}

/** The sequences of a batch: [conditional, unconditional], as Meta's forward_with_cfg orders them. */
export function sequencesOf(
  network: Pick<Network, 'conditions'>,
  { conditional, unconditional }: BatchConditions,
  guided: boolean,
): Sequences {
  const all = guided ? [...conditional, ...unconditional] : [...conditional];
  const inTable = network.conditions.filter(({ scope }) => scope === 'table');
  const distinct = new Map<string, ConditionValues>();
  const keys = all.map((sequence) => {
    const key = inTable.map(({ name }) => Array.from(sequence.conditions[name] ?? []).join()).join(';');
    if (!distinct.has(key)) distinct.set(key, sequence);
    return key;
  });
  const known = [...distinct.keys()];
  return { all, distinct: [...distinct.values()], places: keys.map((key) => known.indexOf(key)) };
}
