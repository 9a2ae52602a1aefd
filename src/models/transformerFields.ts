/** What the config.json of every transformer says that diffusers writes: `Transformer2DModel` and the classes made of it. */
import { FormatError } from '../errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Above any model's sizes, and small enough that no product of a few overflows. */
export const MOST_COUNT = 2 ** 20;
export const MOST_LAYERS = 10_000;

export interface TransformerKind {
  /** As in "as a DiT has". */
  readonly name: string;
  /** By class, the values of fields that a file leaves out; the first class is that of a file which names none. */
  readonly defaults: Readonly<Record<string, Fields>>;
  /** Fields that have exactly these values. */
  readonly required: Fields;
}

/** Reads fields of one file. Every message starts with its path and names the field. */
export class TransformerFields {
  readonly className: string;
  readonly fields: Fields;
  readonly inChannels: number;
  readonly patchSize: number;
  /** Height and width of the latents. */
  readonly inputSize: number;
  /** Channels of the prediction: those of the latents, or twice as many with a variance. */
  readonly outChannels: number;
  readonly heads: number;
  readonly hiddenSize: number;
  readonly #path: string;

  /** Throws a `FormatError` for another class, and for a field that is not what such a transformer has. */
  constructor(path: string, file: Fields, { name, defaults, required }: TransformerKind) {
    this.#path = path;
    const className = file._class_name ?? Object.keys(defaults)[0];
    if (typeof className !== 'string' || !Object.hasOwn(defaults, className))
      throw new FormatError(
        `${path} is the configuration of ${JSON.stringify(className)}; expected ${Object.keys(defaults).join(' or ')}`,
      );
    this.className = className;
    this.fields = { ...defaults[className], ...file };
    for (const [field, value] of Object.entries(required))
      if (this.fields[field] !== value) this.refuse(field, `${JSON.stringify(value)}, as a ${name} has`);
    [this.inChannels, this.patchSize, this.inputSize] = [
      this.count('in_channels'),
      this.count('patch_size'),
      this.count('sample_size'),
    ];
    const { inChannels, patchSize } = this;
    this.outChannels = this.fields.out_channels === null ? inChannels : this.count('out_channels');
    if (this.outChannels !== inChannels && this.outChannels !== 2 * inChannels)
      this.refuse('out_channels', `in_channels (${inChannels}) or twice as many`);
    if (this.inputSize % patchSize !== 0)
      this.refuse('sample_size', `a multiple of patch_size (${patchSize})`);
    this.heads = this.count('num_attention_heads');
    this.hiddenSize = this.heads * this.count('attention_head_dim');
  }

  refuse(field: string, expected: string): never {
    throw new FormatError(
      `${this.#path}: ${field} is ${JSON.stringify(this.fields[field])}; expected ${expected}`,
    );
  }

  count(field: string, most = MOST_COUNT): number {
    const value = this.fields[field];
    if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most)
      return value as number;
    return this.refuse(field, `a whole number from 1 to ${most}`);
  }
}
