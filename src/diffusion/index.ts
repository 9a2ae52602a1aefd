/** `incache/diffusion`: samplers and noise for sampling loops of one's own. */
export { type RespacedProcess, respace } from './noiseSchedule.js';
export { normals } from './philox.js';
export { createSampler, type Sampler, type SamplerStep } from './sampler.js';
