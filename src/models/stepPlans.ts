/**
 * The graph of a step whose course is decided while it runs: one plan up to the first gate, and for every section of
 * blocks behind a gate two plans that go on to the next gate or to the end, one that computes the section and one that
 * takes it from the cache. A gate is one number, the output `change`; between plans the residual stream is a state.
 */
import { copyOp, PlanBuilder, sliceColumns } from '../plan/builder.js';
import type { FloatType, Plan, View } from '../plan/types.js';
import { emitBlock, emitModulated, type Modulation, modulationsOf } from './dit/block.js';
import { type DiTConfig, tokensOf } from './dit/config.js';
import { emitFinalLayer, emitModulation, emitTokens } from './dit/graph.js';
import type { BlockActions } from './layers/actions.js';
import { computeAll } from './layers/actions.js';
import type { CacheLayout } from './layers/linearContext.js';

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
  /** Blocks [first, end) of each section, one section directly behind another. */
  readonly sections: readonly { readonly first: number; readonly end: number }[];
}

export interface GatedStepOptions {
  /** Sequences in the batch. */
  readonly images: number;
  /** Rows of the modulation table. */
  readonly tableRows: number;
  readonly cut: StepCut;
  /** Without, what a section that is not computed has last added to the residual stream is added again. */
  readonly actions?: SectionActions | undefined;
  readonly cache: CacheLayout;
  readonly activations?: FloatType | undefined;
}

/** What the linears of each block do where its section is computed and where it is not. */
export interface SectionActions {
  readonly computed: readonly BlockActions[];
  readonly cached: readonly BlockActions[];
}

/** The plans of a section. */
export interface SectionPlans {
  readonly computed: Plan;
  readonly cached: Plan;
}

/** Inputs and the output `prediction` are those of `stepPlan`. */
export interface GatedStepPlans {
  readonly head: Plan;
  readonly sections: readonly SectionPlans[];
}

export function gatedStepPlans(config: DiTConfig, options: GatedStepOptions): GatedStepPlans {
  const plan = (name: string, emit: (emitter: GatedStepEmitter) => void) => {
    const builder = new PlanBuilder(name);
    emit(new GatedStepEmitter(builder, config, options));
    return builder.build();
  };
  return {
    head: plan('step.head', (emitter) => emitter.head()),
    sections: options.cut.sections.map((_, section) => ({
      computed: plan(`step.${section}.computed`, (emitter) => emitter.section(section, true)),
      cached: plan(`step.${section}.cached`, (emitter) => emitter.section(section, false)),
    })),
  };
}

class GatedStepEmitter {
  readonly #stream: View;

  constructor(
    readonly builder: PlanBuilder,
    readonly config: DiTConfig,
    readonly options: GatedStepOptions,
  ) {
    this.#stream = this.#state('stream');
  }

  /** From the latents to the first gate. */
  head(): void {
    const { cut, images } = this.options;
    const { first } = cut.sections[0]!;
    const x = emitTokens(this.builder, this.config, images, this.#stream);
    const tokens = cut.signal === 'residual' && this.#copy(x, this.#temporary());
    const modulation = emitModulation(this.builder, this.config, this.options, 0, first);
    this.#blocks(0, first, computeAll(this.config.depth), modulation, 0);
    if (tokens) this.#combine(this.#state('gate.residual'), [x, 1], [tokens, -1]);
    this.#gate(0, modulation, 0);
  }

  /** A section and what lies between it and the next gate or the end. */
  section(section: number, computed: boolean): void {
    const { sections } = this.options.cut;
    const { first, end } = sections[section]!;
    const last = sections[section + 1]?.first ?? this.config.depth;
    const modulation = emitModulation(this.builder, this.config, this.options, first, last);
    if (computed) this.#computed(section, modulation);
    else this.#cached(section, modulation);
    this.#blocks(end, last, computeAll(this.config.depth), modulation, first);
    if (last < this.config.depth) return this.#gate(section + 1, modulation, first);
    const width = 2 * this.config.hiddenSize;
    const final = sliceColumns(modulation, modulation.columns - width, width);
    emitFinalLayer(this.builder, this.config, this.#stream, final);
  }

  #computed(section: number, modulation: View): void {
    const { cut, actions } = this.options;
    const { first, end } = cut.sections[section]!;
    this.builder.layer(`sections.${section}`);
    if (cut.signal !== 'modulatedInput') this.#copy(this.#signal(), this.#reference(section));
    if (actions) return this.#blocks(first, end, actions.computed, modulation, first);
    const before = this.#copy(this.#stream, this.#temporary());
    this.#blocks(first, end, computeAll(this.config.depth), modulation, first);
    this.builder.layer(`sections.${section}`);
    this.#combine(this.#added(section), [this.#stream, 1], [before, -1]);
  }

  #cached(section: number, modulation: View): void {
    const { cut, actions } = this.options;
    const { first, end } = cut.sections[section]!;
    if (actions) return this.#blocks(first, end, actions.cached, modulation, first);
    this.builder.layer(`sections.${section}`);
    this.#combine(this.#stream, [this.#stream, 1], [this.#added(section), 1]);
  }

  /** Blocks [first, end); the rows of `modulation` start with block `offset`. */
  #blocks(
    first: number,
    end: number,
    actions: readonly BlockActions[],
    modulation: View,
    offset: number,
  ): void {
    const { builder, config } = this;
    const { cache, activations } = this.options;
    for (let block = first; block < end; block++)
      emitBlock(
        { builder, config, cache, activations },
        block,
        actions[block]!,
        this.#stream,
        this.#modulationOf(block, modulation, offset),
      );
  }

  /** The change before section `section`. What a step before it is compared with is renewed at every step. */
  #gate(section: number, modulation: View, offset: number): void {
    const { signal, sections } = this.options.cut;
    this.builder.layer(`gates.${section}`);
    const reference = this.#reference(section);
    const out = this.builder.output('change', 1, 1);
    if (signal !== 'modulatedInput') {
      const norm = signal === 'residual' ? 1 : 2;
      const x = this.#signal();
      this.builder.append({ op: 'relativeDistance', x, previous: reference, norm, out });
      return;
    }
    const [attention] = modulationsOf(this.#modulationOf(sections[section]!.first, modulation, offset));
    const x = this.#modulated(attention);
    this.builder.append({ op: 'relativeDistance', x, previous: reference, norm: 1, out });
    this.#copy(x, reference);
  }

  #modulated(modulation: Modulation): View {
    const out = this.#temporary();
    emitModulated(this.builder, this.#stream, modulation, out);
    return out;
  }

  #modulationOf(block: number, modulation: View, offset: number): View {
    const width = 6 * this.config.hiddenSize;
    return sliceColumns(modulation, (block - offset) * width, width);
  }

  /** What gates of `residual` and of `input` look at. */
  #signal(): View {
    return this.options.cut.signal === 'residual' ? this.#state('gate.residual') : this.#stream;
  }

  #reference(section: number): View {
    return this.#state(`cache.sections.${section}.reference`);
  }

  /** What the blocks of a section have added to the residual stream. */
  #added(section: number): View {
    return this.#state(`cache.sections.${section}.added`);
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

  /** As float32, which the residual stream is kept in. */
  #state(name: string): View {
    return this.builder.state(name, this.#rows, this.config.hiddenSize);
  }

  #temporary(): View {
    return this.builder.temporary(this.#rows, this.config.hiddenSize);
  }

  get #rows(): number {
    return this.options.images * tokensOf(this.config);
  }
}
