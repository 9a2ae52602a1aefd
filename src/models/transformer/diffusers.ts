/** What diffusers writes of every such transformer: `Transformer2DModel` and the classes made of it. */
import { ArgumentError, FormatError } from '../../errors.js';
import { ConfigFields, type Fields, MOST_LAYERS } from '../configFields.js';
import type { TransformerConfig } from './config.js';

export interface TransformerKind {
  /** As in "as a DiT has". */
  readonly name: string;
  /** By class, the values of fields that a file leaves out; the first class is that of a file which names none. */
  readonly defaults: Readonly<Record<string, Fields>>;
  /** Fields that have exactly these values. */
  readonly required: Fields;
}

/** Reads the fields of one config.json. */
export class TransformerFields extends ConfigFields {
  readonly className: string;
  readonly sizes: TransformerConfig;

  /** Throws a `FormatError` for another class, and for a field that is not what such a transformer has. */
  constructor(path: string, file: Fields, { name, defaults, required }: TransformerKind) {
    const className = file._class_name ?? Object.keys(defaults)[0];
    if (typeof className !== 'string' || !Object.hasOwn(defaults, className))
      throw new FormatError(
        `${path} is the configuration of ${JSON.stringify(className)}; expected ${Object.keys(defaults).join(' or ')}`,
      );
    super(path, file, defaults[className]!);
    this.className = className;
    for (const [field, value] of Object.entries(required))
      if (this.fields[field] !== value) this.refuse(field, `${JSON.stringify(value)}, as a ${name} has`);
    this.sizes = this.#sizes();
  }

  #sizes(): TransformerConfig {
    const [inChannels, patchSize] = [this.count('in_channels'), this.count('patch_size')];
    const inputSize = this.count('sample_size');
    const outChannels = this.fields.out_channels === null ? inChannels : this.count('out_channels');
    if (outChannels !== inChannels && outChannels !== 2 * inChannels)
      this.refuse('out_channels', `in_channels (${inChannels}) or twice as many`);
    if (inputSize % patchSize !== 0) this.refuse('sample_size', `a multiple of patch_size (${patchSize})`);
    const heads = this.count('num_attention_heads');
    const hiddenSize = heads * this.count('attention_head_dim');
    return {
      inputSize,
      patchSize,
      inChannels,
      hiddenSize,
      depth: this.count('num_layers', MOST_LAYERS),
      heads,
      mlpSize: 4 * hiddenSize,
      learnSigma: outChannels === 2 * inChannels,
    };
  }
}

/** Where else the configuration of a model may stand. */
export interface ConfigFile {
  /** Path of its `config.json`, where there is one. */
  readonly config: string | undefined;
  /** The fields of `model_index.json`; empty or absent without one. */
  readonly index?: Fields;
}

export function requireConfig({ config }: ConfigFile): string {
  if (config !== undefined) return config;
  throw new FormatError(
    'the weights have the names of diffusers, whose sizes stand in config.json; it is not beside them',
  );
}

/** The heads that a caller knows must be those of the file. */
export function requireHeads(hinted: number | undefined, { heads }: TransformerConfig, path: string): void {
  if (hinted !== undefined && hinted !== heads)
    throw new ArgumentError('heads', hinted, `${heads}, as ${path} has it`);
}

/** For each linear of the network, the names that their weights and biases are joined from by rows. */
export class LinearOrigins extends Map<string, readonly string[]> {
  /** `to` in the network is `from`, one behind another. */
  linear(from: readonly string[], to: string): void {
    for (const kind of ['weight', 'bias'])
      this.set(
        `${to}.${kind}`,
        from.map((name) => `${name}.${kind}`),
      );
  }
}
