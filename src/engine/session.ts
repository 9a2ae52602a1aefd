/** A session on a device: compiled plans, caches and modulation table for one batch of one trajectory. */
import type { Device, DeviceTensor, DeviceWeights, Executable, PlanBindings } from '../backend/backend.js';
import type { Gate } from '../cache/gatedPolicy.js';
import { ArgumentError, IncacheError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import { takeMemory } from './memoryPressure.js';
import { requireMemory } from './requireMemory.js';
import type { GatedSteps, SessionPlan } from './sessionPlan.js';

/** A timestep (may be fractional) and a label, the null class included. */
export interface Condition {
  readonly timestep: number;
  readonly label: number;
}

/** What was run of a step. */
export interface StepCourse {
  /** Places in `SessionPlan.plans`. */
  readonly plans: readonly number[];
  /** Blocks that a gate has left to the cache. */
  readonly cachedBlocks: number;
}

export class DenoisingSession implements Disposable {
  readonly plan: SessionPlan;
  readonly #tensors = new Map<string, DeviceTensor>();
  #conditioning: Executable | undefined;
  readonly #steps: Executable[] = [];
  #gate: Gate | undefined;
  #held: Disposable | undefined;
  #course: StepCourse = { plans: [], cachedBlocks: 0 };

  private constructor(plan: SessionPlan) {
    this.plan = plan;
  }

  /** Rejects with an `OutOfMemoryError` when the device cannot hold it, and then holds nothing. */
  static async create(device: Device, weights: DeviceWeights, plan: SessionPlan): Promise<DenoisingSession> {
    requireMemory(device, plan);
    return takeMemory(device, () => DenoisingSession.#take(device, weights, plan));
  }

  static async #take(device: Device, weights: DeviceWeights, plan: SessionPlan): Promise<DenoisingSession> {
    const session = new DenoisingSession(plan);
    try {
      await session.#prepare(device, weights);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return session;
  }

  /**
   * Fills the modulation table: row i for `conditions[i]`, at most `chunkSteps * labels` of them.
   * What the rows held before is lost.
   */
  async condition(conditions: readonly Condition[], signal?: AbortSignal): Promise<void> {
    const rows = this.#tensor('timesteps').rows;
    if (conditions.length < 1 || conditions.length > rows)
      throw new ArgumentError('conditions', `${conditions.length} of them`, `1 to ${rows}`);
    const padded = Array.from({ length: rows }, (_, i) => conditions[Math.min(i, conditions.length - 1)]!);
    await Promise.all([
      this.#tensor('timesteps').write(Float32Array.from(padded, ({ timestep }) => timestep)),
      this.#tensor('labels').write(Int32Array.from(padded, ({ label }) => label)),
      this.#conditioning!.run(signal),
    ]);
  }

  /**
   * The network's output at step `step` (its place in the schedule, which decides what is gathered).
   * latents: sequences x channels x height x width. rows: for each sequence its row of the modulation table.
   * signal: may end the step in the middle; the session's caches are then lost.
   */
  async evaluate(
    step: number,
    latents: Float32Array,
    rows: Int32Array,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    // All is asked for together: where several sessions run, each waits for the others once a step.
    const inputs = [this.#tensor('latents').write(latents), this.#tensor('rows').write(rows)];
    const [prediction] = await Promise.all([this.#follow(step, signal), ...inputs]);
    return prediction;
  }

  /** What the last step ran. */
  get course(): StepCourse {
    return this.#course;
  }

  /** The contents of an output of the last step, or of a state. */
  async read(name: string): Promise<Float32Array> {
    return (await this.#tensor(name).read()) as Float32Array;
  }

  /** Lets go of the weights that it holds beside the model's, until it is resumed. */
  rest(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.[Symbol.dispose]();
  }

  /** Makes it as good as new: a trajectory writes all that it reads, and decides anew. */
  resume(): void {
    this.#held = this.plan.hold?.();
    this.#gate = undefined;
    this.#course = { plans: [], cachedBlocks: 0 };
  }

  /** Of a tensor that `read` reads. */
  columns(name: string): number {
    return this.#tensor(name).columns;
  }

  dispose(): void {
    this.#conditioning?.dispose();
    for (const step of this.#steps) step.dispose();
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#steps.length = 0;
    this.#tensors.clear();
    this.rest();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs the plans of a step; returns what the last one predicts. */
  async #follow(step: number, signal?: AbortSignal): Promise<Float32Array> {
    const { gated, planOfStep } = this.plan;
    if (gated) return this.#runGated(gated, step, signal);
    const place = planOfStep[step]!;
    const prediction = await this.#run(place, 'prediction', signal);
    this.#course = { plans: [place], cachedBlocks: 0 };
    return prediction;
  }

  /** Section by section, each as its gate decides by what was measured just before it. */
  async #runGated(gated: GatedSteps, step: number, signal?: AbortSignal): Promise<Float32Array> {
    const { policy, run, head, sections } = gated;
    if (step === 0) this.#gate = policy.start(run);
    const outputOf = (section: number) => (section < sections.length ? 'change' : 'prediction');
    const plans = [head];
    let cachedBlocks = 0;
    let output = await this.#run(head, outputOf(0), signal);
    for (const [place, { computed, cached, blocks }] of sections.entries()) {
      const isCached = this.#gate!.caches(step, place, output[0]!);
      const plan = isCached ? cached : computed;
      plans.push(plan);
      if (isCached) cachedBlocks += blocks;
      output = await this.#run(plan, outputOf(place + 1), signal);
    }
    this.#course = { plans, cachedBlocks };
    return output;
  }

  /** Runs a plan; returns what it leaves in `output`. */
  async #run(plan: number, output: string, signal?: AbortSignal): Promise<Float32Array> {
    const [, values] = await Promise.all([this.#steps[plan]!.run(signal), this.read(output)]);
    return values;
  }

  /** One plan after another: what one has packed, the next finds. */
  async #prepare(device: Device, weights: DeviceWeights): Promise<void> {
    const { conditioning, plans } = this.plan;
    const bindings: PlanBindings = { weights, tensors: this.#tensors };
    this.#held = this.plan.hold?.();
    this.#allocate(device, [conditioning, ...plans]);
    this.#conditioning = await device.compile(conditioning, bindings);
    for (const step of plans) this.#steps.push(await device.compile(step, bindings));
  }

  #allocate(device: Device, plans: readonly Plan[]): void {
    for (const { name, role, type, rows, columns } of plans.flatMap((plan) => plan.buffers)) {
      if (role === 'weight' || role === 'temporary' || this.#tensors.has(name)) continue;
      this.#tensors.set(name, device.allocate(rows, columns, type));
    }
  }

  #tensor(name: string): DeviceTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new IncacheError(`the session has no tensor '${name}', or has been disposed`);
    return tensor;
  }
}
