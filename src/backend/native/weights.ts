/** Weights of the native backend: read on this thread when a plan first needs them, packed on others. */
import { IncacheError } from '../../errors.js';
import type { Plan } from '../../plan/types.js';
import type { DeviceWeights, WeightSource } from '../backend.js';
import { RunQueue } from '../runQueue.js';
import { elementsOf, withWeight } from '../weightValues.js';
import type { PlanHandle, WeightsHandle } from './binding.js';
import { native, nativeAsync } from './errors.js';
import type { NativeHost } from './tensor.js';

export class NativeWeights implements DeviceWeights {
  /** Plans that are compiled at once load one after another, so that one finds what another has read. */
  readonly #loads = new RunQueue();
  #disposed = false;

  constructor(
    readonly host: NativeHost,
    readonly handle: WeightsHandle,
    readonly source: WeightSource,
  ) {}

  /** Loads what the plan lacks, one tensor at a time, so that the model is never in memory twice. */
  load(plan: Plan, handle: PlanHandle): Promise<void> {
    return this.#loads.add(() => this.#load(plan, handle));
  }

  async #load(plan: Plan, handle: PlanHandle): Promise<void> {
    const { binding } = this.host;
    for (let from = 0; ; from++) {
      this.requireAlive();
      from = native(() => binding.missingWeight(this.handle, handle, from));
      const buffer = plan.buffers[from];
      if (!buffer) return;
      await withWeight(this.source, buffer, (values) => {
        const type = 'bits' in values ? values.type : 'f32';
        const kept = this.host.runs.keep(elementsOf(values));
        return this.host.runs.add(async () => {
          this.requireAlive();
          await nativeAsync(() => binding.loadWeight(this.handle, handle, from, kept, type));
        });
      });
    }
  }

  get bytes(): number {
    return this.#disposed ? 0 : this.host.binding.weightsBytes(this.handle);
  }

  release(prefix: string): void {
    if (!this.#disposed) native(() => this.host.binding.releaseWeights(this.handle, prefix));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.host.binding.destroyWeights(this.handle);
  }

  requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed) throw new IncacheError('these weights have been disposed');
  }
}
