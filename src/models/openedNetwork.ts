import type { CanonicalSource } from '../weights/canonicalSource.js';
import type { Network } from './network.js';

/** A network found among the tensors of a file. */
export interface OpenedNetwork<Layout extends string = string> {
  readonly network: Network;
  /** The code whose names the tensors have in the file. */
  readonly layout: Layout;
  /** Under the names that the network's plans use. */
  readonly tensors: CanonicalSource;
  /** What a person should know about the file, a sentence each. */
  readonly notes: readonly string[];
}
