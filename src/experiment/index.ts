/** `incache/experiment`: the comparisons of docs/results, on any model. */
export type { Cell, Judge, Row, Tables } from './experiment.js';
export type { ExperimentProgress } from './progressEstimate.js';
export {
  EXPERIMENT_NAMES,
  type ExperimentName,
  type ExperimentOptions,
  runExperiment,
} from './runExperiment.js';
export { experimentShard, mergeExperiment } from './shards.js';
