/** What the programs of these tests sample: steps of some milliseconds, so that there is a middle to stop in. */
import type { SampleOptions } from '../../src/index.js';
import type { TinyModelOptions } from '../support/tinyModel.js';

export const WORK_MODEL: TinyModelOptions = {
  config: { inputSize: 32, hiddenSize: 96, heads: 3, depth: 2, mlpSize: 384 },
};

export const WORK: SampleOptions = {
  labels: [0, 1],
  steps: 3,
  cache: { policy: 'reuse', period: 2 },
};

/** Lasts long enough to be stopped, and is no long matter to prepare. */
export const LONG_WORK: SampleOptions = { ...WORK, steps: 60 };
