/** A session on a device: compiled plans, caches and modulation table for one batch of one trajectory. */
import type { Device, DeviceTensor, DeviceWeights, Executable, PlanBindings } from '../backend/backend.js';
import { isSliceOver, turn } from '../backend/eventLoop.js';
import type { Gate } from '../cache/gatedPolicy.js';
import { ArgumentError, IncacheError } from '../errors.js';
import { layoutTemporaries } from '../plan/layout.js';
import type { Plan } from '../plan/types.js';
import { takeMemory } from './memoryPressure.js';
import { requireMemory } from './requireMemory.js';
import type { SessionPlan } from './sessionPlan.js';

/** A row of the table of conditioning: a timestep (may be fractional), and by name the network's conditions of scope `table`. */
export interface TableRow extends ConditionValues {
  readonly timestep: number;
}

/** The conditions of one sequence, by name. */
export interface ConditionValues {
  readonly conditions: Readonly<Record<string, ArrayLike<number>>>;
}

/** What was run of a step. */
export interface RunCourse {
  /** Places in `SessionPlan.plans`. */
  readonly plans: readonly number[];
  /** Blocks that a gate has left to the cache. */
  readonly cachedBlocks: number;
}

/** Inputs that are written for each step. */
const NO_CONDITIONS = ['timesteps', 'latents', 'rows'];

export class DenoisingSession implements Disposable {
  readonly plan: SessionPlan;
  readonly #tensors = new Map<string, DeviceTensor>();
  readonly #executables = new Map<Plan, Executable>();
  #gate: Gate | undefined;
  #held: Disposable | undefined;
  #course: RunCourse = { plans: [], cachedBlocks: 0 };

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

  /** Makes what depends on the sequences of a batch alone: one for each, with the conditions of scope `sequence`. */
  async begin(sequences: readonly ConditionValues[], signal?: AbortSignal): Promise<void> {
    const { context, plans } = this.plan;
    const all = (context ? [context, ...plans] : plans).flatMap((plan) => [
      ...conditionValues(plan, sequences),
    ]);
    // The device takes them in this order: what the plan reads is written first.
    const writes = this.#write(new Map(all));
    await Promise.all([...writes, ...(context ? [this.#executable(context).run(signal)] : [])]);
  }

  /**
   * Fills the modulation table: row i for `rows[i]`, at most `chunkSteps * conditions` of them.
   * What the rows held before is lost.
   */
  async condition(rows: readonly TableRow[], signal?: AbortSignal): Promise<void> {
    const timesteps = this.#tensor('timesteps');
    if (rows.length < 1 || rows.length > timesteps.rows)
      throw new ArgumentError('conditions', `${rows.length} of them`, `1 to ${timesteps.rows}`);
    const padded = Array.from({ length: timesteps.rows }, (_, i) => rows[Math.min(i, rows.length - 1)]!);
    const values = conditionValues(this.plan.conditioning, padded);
    values.set(
      'timesteps',
      Float32Array.from(padded, ({ timestep }) => timestep),
    );
    await Promise.all([...this.#write(values), this.#executable(this.plan.conditioning).run(signal)]);
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
    const { gate } = this.plan;
    if (gate && step === 0) this.#gate = gate.policy.start(gate.run);
    const skipped = this.#gate?.skipped?.(step, latents);
    if (skipped) {
      this.#course = { plans: [], cachedBlocks: gate!.run.blocks };
      return skipped;
    }
    // All is asked for together: where several sessions run, each waits for the others once a step.
    const inputs = [this.#tensor('latents').write(latents), this.#tensor('rows').write(rows)];
    const [prediction] = await Promise.all([this.#follow(step, signal), ...inputs]);
    this.#gate?.computed?.(latents, prediction);
    return prediction;
  }

  /** What the last step ran. */
  get course(): RunCourse {
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

  /** Columns of a tensor that `read` reads. */
  columns(name: string): number {
    return this.#tensor(name).columns;
  }

  dispose(): void {
    for (const executable of this.#executables.values()) executable.dispose();
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#executables.clear();
    this.#tensors.clear();
    this.rest();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Node by node, each as the gate before it decides by what the last plan measured; returns what the last one predicts. */
  async #follow(step: number, signal?: AbortSignal): Promise<Float32Array> {
    const course = this.plan.courses[step]!;
    const plans: number[] = [];
    let cachedBlocks = 0;
    let output: Float32Array = new Float32Array(0);
    for (const [place, { plan, cached }] of course.entries()) {
      // The first node has no gate before it: sections are counted from the second.
      const isCached = cached && this.#gate!.caches(step, place - 1, output[0]!);
      plans.push(isCached ? cached.plan : plan);
      if (isCached) cachedBlocks += cached.blocks;
      const isLast = place === course.length - 1;
      output = await this.#run(plans.at(-1)!, isLast ? 'prediction' : 'change', signal);
    }
    this.#course = { plans, cachedBlocks };
    return output;
  }

  /** Runs a plan; returns what it leaves in `output`. */
  async #run(plan: number, output: string, signal?: AbortSignal): Promise<Float32Array> {
    const [, values] = await Promise.all([
      this.#executable(this.plan.plans[plan]!).run(signal),
      this.read(output),
    ]);
    return values;
  }

  #write(values: ReadonlyMap<string, Float32Array | Int32Array>): Promise<void>[] {
    return [...values].map(([name, own]) => this.#tensor(name).write(own));
  }

  /** One plan after another: what one has packed, the next finds. That with the largest arena first, which the others share. */
  async #prepare(device: Device, weights: DeviceWeights): Promise<void> {
    const { context, conditioning, plans } = this.plan;
    const bindings: PlanBindings = { weights, tensors: this.#tensors };
    this.#held = this.plan.hold?.();
    const all = [...(context ? [context] : []), conditioning, ...plans];
    this.#allocate(device, all);
    for (const plan of largestArenaFirst(all)) {
      if (isSliceOver()) await turn();
      this.#executables.set(plan, await device.compile(plan, bindings));
    }
  }

  #allocate(device: Device, plans: readonly Plan[]): void {
    for (const { name, role, type, rows, columns } of plans.flatMap((plan) => plan.buffers)) {
      if (role === 'weight' || role === 'temporary' || this.#tensors.has(name)) continue;
      this.#tensors.set(name, device.allocate(rows, columns, type));
    }
  }

  #executable(plan: Plan): Executable {
    const executable = this.#executables.get(plan);
    if (!executable) throw new IncacheError('the session has been disposed');
    return executable;
  }

  #tensor(name: string): DeviceTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new IncacheError(`the session has no tensor '${name}', or has been disposed`);
    return tensor;
  }
}

function largestArenaFirst(plans: readonly Plan[]): Plan[] {
  const bytes = new Map(plans.map((plan) => [plan, layoutTemporaries(plan).arenaBytes]));
  return [...plans].sort((a, b) => bytes.get(b)! - bytes.get(a)!);
}

/** For every input of a plan that is a condition its values of all rows, one after another. */
function conditionValues(
  { buffers }: Plan,
  rows: readonly ConditionValues[],
): Map<string, Float32Array | Int32Array> {
  const inputs = buffers.filter(({ role, name }) => role === 'input' && !NO_CONDITIONS.includes(name));
  return new Map(
    inputs.map(({ name, type, ...buffer }) => {
      const size = buffer.rows * buffer.columns;
      const values = type === 'i32' ? new Int32Array(size) : new Float32Array(size);
      for (const [row, { conditions }] of rows.entries()) {
        const own = conditions[name];
        if (own?.length !== size / rows.length)
          throw new ArgumentError(
            name,
            own && `${own.length} values`,
            `${size / rows.length} for each sequence`,
          );
        values.set(own, (row * size) / rows.length);
      }
      return [name, values];
    }),
  );
}
