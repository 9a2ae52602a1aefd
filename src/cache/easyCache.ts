/**
 * EasyCache (Zhou et al., arXiv 2507.02860): a step is left out by what goes into the network and comes out of it alone. With x the
 * latents, v the output, p and q the last two computed steps and means over absolute values,
 *
 *     e += K mean|x(t) - x(p)| / mean|v(p)|,    K = mean|v(p) - v(q)| / mean|x(p) - x(q)|
 *
 * While e is below the threshold v(t) = x(t) + (v(p) - x(p)) is returned and nothing is run; learned variances are those of p.
 */
import type { StepCut } from '../models/stepPlans.js';
import {
  type Gate,
  type GatedPolicy,
  type GatedRun,
  type GateParameters,
  requireGate,
} from './gatedPolicy.js';

interface Computed {
  readonly latents: Float32Array;
  readonly prediction: Float32Array;
}

export class EasyCache implements GatedPolicy {
  readonly name = 'easycache';
  readonly threshold: number;
  readonly warmup: number;

  constructor({ threshold, warmup = 2 }: GateParameters) {
    requireGate(threshold, warmup);
    this.threshold = threshold;
    this.warmup = warmup;
  }

  /** Steps run whole or not at all. */
  cut(): StepCut {
    return { signal: 'input', sections: [] };
  }

  start({ sequences }: GatedRun): Gate {
    let last: Computed | undefined;
    /** K, once two steps have been computed. */
    let rate = Number.NaN;
    let error = 0;
    return {
      caches: () => false,
      skipped: (step, latents) => {
        if (step < this.warmup || !last) return undefined;
        error += (rate * meanDistance(latents, last.latents)) / meanMagnitude(last.prediction);
        return error < this.threshold ? forecast(latents, last, sequences) : undefined;
      },
      computed: (latents, prediction) => {
        if (last) rate = meanDistance(prediction, last.prediction) / meanDistance(latents, last.latents);
        last = { latents: latents.slice(), prediction: prediction.slice() };
        error = 0;
      },
    };
  }
}

/** Of a sequence the output has the channels of the latents first; what it may have behind them stays. */
function forecast(latents: Float32Array, last: Computed, sequences: number): Float32Array {
  const out = last.prediction.slice();
  const [size, stride] = [latents.length / sequences, out.length / sequences];
  for (let i = 0; i < latents.length; i++)
    out[Math.floor(i / size) * stride + (i % size)]! += latents[i]! - last.latents[i]!;
  return out;
}

function meanDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

function meanMagnitude(a: Float32Array): number {
  return a.reduce((sum, value) => sum + Math.abs(value), 0) / a.length;
}
