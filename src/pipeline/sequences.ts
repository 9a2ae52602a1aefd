/** Which sequences the network is given for the images of a batch. */

/** What is the same for all steps of a batch. */
export interface Sequences {
  /** The label of each sequence: conditional rows, then unconditional ones under guidance. */
  readonly labels: readonly number[];
  readonly distinct: readonly number[];
}

/** Whether a guidance scale needs the unconditional branch. */
export function isGuided(guidanceScale: number): boolean {
  return guidanceScale !== 1;
}

/** The labels of a batch's sequences: [conditional, unconditional], as Meta's forward_with_cfg orders them. */
export function sequencesOf(labels: readonly number[], guided: boolean, nullClass: number): Sequences {
  const all = guided ? [...labels, ...labels.map(() => nullClass)] : [...labels];
  return { labels: all, distinct: [...new Set(all)] };
}
