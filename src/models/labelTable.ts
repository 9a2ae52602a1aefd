/** What the classes of a model are called. */
import { imageNetNames } from '#platform/parts';
import { ArgumentError, requireInteger } from '../errors.js';
import { nearest } from './nearest.js';

/** A class by its number, or by one or more of its names, divided by commas. */
export type Label = number | string;

const IMAGENET_CLASSES = 1000;

/** Longer ones are no names; what is like them is not looked for. */
const LONGEST_NAME = 200;

export class LabelTable {
  /** By class, the synonyms of each in one text, divided by commas; classes without a name are absent. */
  readonly names: ReadonlyMap<number, string>;
  /** The classes that have a synonym. */
  readonly #classesOf = new Map<string, number[]>();

  /** classes: how many there are; the number of the null class is the same. */
  constructor(
    readonly classes: number,
    names: Iterable<readonly [number, string]>,
  ) {
    this.names = new Map([...names].sort(([a], [b]) => a - b));
    for (const [label, text] of this.names)
      for (const synonym of synonymsOf(text))
        this.#classesOf.set(synonym, [...(this.#classesOf.get(synonym) ?? []), label]);
  }

  /** Made from the `id2label` of a `model_index.json`; where there is none, ImageNet's names for a model of 1000 classes. */
  static of(classes: number, id2label?: unknown): LabelTable {
    if (typeof id2label === 'object' && id2label !== null)
      return new LabelTable(
        classes,
        Object.entries(id2label).flatMap(([key, name]) =>
          typeof name === 'string' && /^\d{1,9}$/.test(key) && Number(key) < classes
            ? [[Number(key), name]]
            : [],
        ),
      );
    return new LabelTable(classes, classes === IMAGENET_CLASSES ? imageNetNames().entries() : []);
  }

  /**
   * The number of a class. A name that several classes have is that of the last, as in diffusers; more of its synonyms tell
   * them apart. Case and spaces at the ends do not matter. Throws an `ArgumentError` for a number that no class has, and
   * for a name that none has; the error then tells the three names that are most like it.
   */
  find(label: Label): number {
    if (typeof label !== 'string') {
      requireInteger('label', label, 0, this.classes);
      return label;
    }
    const synonyms = synonymsOf(label);
    const unknown = synonyms.find((synonym) => !this.#classesOf.has(synonym));
    if (synonyms.length === 0 || unknown !== undefined) return this.#numberIn(label, unknown ?? '');
    const [first, ...others] = synonyms.map((synonym) => this.#classesOf.get(synonym)!);
    const found = first!.filter((candidate) => others.every((classes) => classes.includes(candidate))).at(-1);
    if (found === undefined)
      throw new ArgumentError('label', label, 'names of one class, or a list of labels');
    return found;
  }

  /**
   * The labels of a list that was divided at its commas, where a class may stand with several of its synonyms: names that
   * follow one another as they do in the table are one label.
   */
  findAll(parts: readonly Label[]): number[] {
    const labels: number[] = [];
    for (let i = 0; i < parts.length; ) {
      const length = this.#runAt(parts, i);
      labels.push(this.find(length === 1 ? parts[i]! : parts.slice(i, i + length).join(',')));
      i += length;
    }
    return labels;
  }

  /** How many parts from place `start` on are synonyms of one class, in the order of the table. */
  #runAt(parts: readonly Label[], start: number): number {
    const [first] = synonymsOf(String(parts[start]));
    const lengths = (this.#classesOf.get(first ?? '') ?? []).map((label) => {
      const synonyms = synonymsOf(this.names.get(label)!);
      const from = synonyms.indexOf(first!);
      let length = 1;
      while (
        typeof parts[start + length] === 'string' &&
        synonyms[from + length] !== undefined &&
        synonymsOf(parts[start + length] as string).join() === synonyms[from + length]
      )
        length++;
      return length;
    });
    return Math.max(1, ...lengths);
  }

  /** A text that is no name may still be a number. */
  #numberIn(label: string, unknown: string): number {
    if (/^\s*\d+\s*$/.test(label)) return this.find(Number(label));
    const numbers = `a class from 0 to ${this.classes}`;
    if (this.#classesOf.size === 0)
      throw new ArgumentError('label', label, `${numbers}; this model has no names for them`);
    const like = unknown.length > LONGEST_NAME ? [] : nearest(unknown, this.#classesOf.keys(), 3);
    const names = like.map((name) => `'${name}' (${this.#classesOf.get(name)!.at(-1)})`);
    throw new ArgumentError('label', label, `${numbers} or a name, such as ${names.join(', ')}`);
  }
}

function synonymsOf(text: string): string[] {
  return text
    .split(',')
    .map((synonym) => synonym.trim().replace(/\s+/g, ' ').toLowerCase())
    .filter((synonym) => synonym !== '');
}
