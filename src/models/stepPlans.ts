/**
 * The plans of a step. One whose course is decided while it runs is cut at gates: one plan up to the first gate, and for every
 * section of blocks behind a gate two plans that go on to the next gate or to the end, one that computes the section and
 * one that takes it from the cache. A gate is one number, the output `change`; between plans the residual streams are
 * states. A step without gates is the first plan alone.
 */
import { copyOp, PlanBuilder } from '../plan/builder.js';
import type { Plan, View } from '../plan/types.js';
import { type Actions, COMPUTE } from './layers/actions.js';
import type { Network, NetworkStep, StepOptions } from './network.js';

/**
 * What a gate tells the relative change of:
 *
 * - `modulatedInput`: the modulated input of the section's first block, since the step before (TeaCache), in L1
 * - `residual`: what the blocks before the section have added, since the section was last computed (DBCache), in L1
 * - `input`: the input of the section, since it was last computed (FastCache), in L2
 */
export type GateSignal = 'modulatedInput' | 'residual' | 'input';

/** How a step is cut. Blocks before the first section and behind the last are always computed. */
export interface StepCut {
  readonly signal: GateSignal;
  /** Blocks [first, end) of each section, one section directly behind another. Without any, a step runs whole or not at all. */
  readonly sections: readonly { readonly first: number; readonly end: number }[];
}

/** What the layers do where their section is computed and where it is not. */
export interface SectionActions {
  readonly computed: Actions;
  readonly cached: Actions;
}

export interface StepPlansOptions
  extends Omit<StepOptions, 'builder' | 'first' | 'last' | 'resumes'>,
    Partial<StepCut> {
  readonly name: string;
  /** Actions of layers in no section. */
  readonly actions: Actions;
  /** Without, what a section that is not computed has last added to the residual streams is added again. */
  readonly sectionActions?: SectionActions | undefined;
}

/** Inputs and the output `prediction` are those of `NetworkStep`. */
export interface StepPlans {
  readonly head: Plan;
  readonly sections: readonly { readonly computed: Plan; readonly cached: Plan }[];
}

/** Every layer computed in full, nothing stored. */
export function computeAll({ layers }: Pick<Network, 'layers'>): Actions {
  return new Map(layers.map(({ name }) => [name, COMPUTE]));
}

/** Can stop behind each plan. */
export function* stepPlans(network: Network, options: StepPlansOptions): Generator<undefined, StepPlans> {
  const { name, sections = [] } = options;
  const depth = network.blocks.length;
  const plan = (part: string, first: number, last: number, emit: (emitter: StepEmitter) => void) => {
    const builder = new PlanBuilder(name + part);
    const step = network.step({ ...options, builder, first, last, resumes: sections.length > 0 });
    emit(new StepEmitter(builder, step, network, options));
    return builder.build();
  };
  const lastOf = (section: number) => sections[section]?.first ?? depth;
  const head = plan(sections.length > 0 ? '.head' : '', 0, lastOf(0), (emitter) => emitter.head());
  yield;
  const planned: StepPlans['sections'][number][] = [];
  for (const [i, { first }] of sections.entries()) {
    const section = (part: string, isComputed: boolean) =>
      plan(`.${i}.${part}`, first, lastOf(i + 1), (emitter) => emitter.section(i, isComputed));
    const computed = section('computed', true);
    yield;
    planned.push({ computed, cached: section('cached', false) });
    yield;
  }
  return { head, sections: planned };
}

class StepEmitter {
  readonly #sections: StepCut['sections'];

  constructor(
    readonly builder: PlanBuilder,
    readonly step: NetworkStep,
    readonly network: Network,
    readonly options: StepPlansOptions,
  ) {
    this.#sections = options.sections ?? [];
  }

  /** From the latents to the first gate or the end. */
  head(): void {
    const [x] = this.step.streams;
    this.step.begin();
    const tokens = this.options.signal === 'residual' && this.#copy(x!, this.#temporary(x!));
    this.#blocks(0, this.#lastOf(0), this.options.actions);
    if (tokens) this.#combine(this.#state('gate.residual', x!), [x!, 1], [tokens, -1]);
    this.#gateOrEnd(0);
  }

  /** A section and what lies between it and the next gate or the end. */
  section(section: number, computed: boolean): void {
    this.step.resume();
    if (computed) this.#computed(section);
    else this.#cached(section);
    this.#blocks(this.#sections[section]!.end, this.#lastOf(section + 1), this.options.actions);
    this.#gateOrEnd(section + 1);
  }

  #computed(section: number): void {
    const { signal, actions, sectionActions } = this.options;
    const { first, end } = this.#sections[section]!;
    this.builder.layer(`sections.${section}`);
    if (signal !== 'modulatedInput') this.#copy(this.#signal(), this.#reference(section));
    if (sectionActions) return this.#blocks(first, end, sectionActions.computed);
    const before = this.step.streams.map((stream) => this.#copy(stream, this.#temporary(stream)));
    this.#blocks(first, end, actions);
    this.builder.layer(`sections.${section}`);
    for (const [i, stream] of this.step.streams.entries())
      this.#combine(this.#added(section, i), [stream, 1], [before[i]!, -1]);
  }

  #cached(section: number): void {
    const { sectionActions } = this.options;
    const { first, end } = this.#sections[section]!;
    if (sectionActions) return this.#blocks(first, end, sectionActions.cached);
    this.builder.layer(`sections.${section}`);
    for (const [i, stream] of this.step.streams.entries())
      this.#combine(stream, [stream, 1], [this.#added(section, i), 1]);
  }

  #blocks(first: number, end: number, actions: Actions): void {
    for (let block = first; block < end; block++) this.step.block(block, actions);
  }

  #gateOrEnd(section: number): void {
    if (this.#sections[section]) this.#gate(section);
    else this.step.end();
  }

  /** The change before a section. What a step before it is compared with is renewed at every step. */
  #gate(section: number): void {
    const { signal } = this.options;
    this.builder.layer(`gates.${section}`);
    const previous = this.#reference(section);
    const out = this.builder.output('change', 1, 1);
    const ofInput = signal === 'modulatedInput';
    const x = ofInput ? this.step.blockInput(this.#sections[section]!.first) : this.#signal();
    this.builder.append({ op: 'relativeDistance', x, previous, norm: signal === 'input' ? 2 : 1, out });
    if (ofInput) this.#copy(x, previous);
  }

  /** The block before which the plan of a section, or the head (0), hands over; as many as there are blocks for none. */
  #lastOf(section: number): number {
    return this.#sections[section]?.first ?? this.network.blocks.length;
  }

  /** What gates of `residual` and of `input` look at. */
  #signal(): View {
    const [x] = this.step.streams;
    return this.options.signal === 'residual' ? this.#state('gate.residual', x!) : x!;
  }

  #reference(section: number): View {
    return this.#state(`cache.sections.${section}.reference`, this.step.streams[0]!);
  }

  /** What the blocks of a section have added to a residual stream. */
  #added(section: number, stream: number): View {
    const suffix = stream === 0 ? '' : `.${this.network.streams[stream]!.name}`;
    return this.#state(`cache.sections.${section}.added${suffix}`, this.step.streams[stream]!);
  }

  #copy(x: View, out: View): View {
    this.builder.append(copyOp(x, out));
    return out;
  }

  #combine(out: View, ...terms: readonly (readonly [View, number])[]): void {
    this.builder.append({
      op: 'linearCombination',
      terms: terms.map(([x, coefficient]) => ({ x, coefficient })),
      out,
    });
  }

  /** As float32, which the residual streams are kept in. */
  #state(name: string, { rows, columns }: View): View {
    return this.builder.state(name, rows, columns);
  }

  #temporary({ rows, columns }: View): View {
    return this.builder.temporary(rows, columns);
  }
}
