/** Command-line texts to values; each throws an `ArgumentError` that names the option. */
import { ArgumentError, requireInteger, requireNumber } from '../errors.js';
import type { Label } from '../models/labelTable.js';

/** Images, labels and the like in one command: more is a slip of the keyboard. */
export const MOST_ITEMS = 1_000_000;

/** Denoising steps, which are timesteps of the training process. */
export const MOST_STEPS = 1000;

/** For commander: an option that takes an integer in [minimum, maximum]. */
export function integer(option: string, minimum: number, maximum?: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    requireInteger(option, Number.isInteger(value) ? value : text, minimum, maximum);
    return value;
  };
}

export function decimal(option: string, minimum: number, maximum?: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    requireNumber(option, Number.isNaN(value) ? text : value, minimum, maximum);
    return value;
  };
}

/** `0,3,7` or ranges as in `0-9`. */
export function integerList(option: string): (text: string) => number[] {
  return (text) =>
    listOf(option, text, () => {
      throw new ArgumentError(option, text, 'integers and ranges, as in 0,3,5-9');
    });
}

/** Numbers and ranges, and between their commas names, as in `0,5-9,golden retriever`. */
export function labelList(option: string): (text: string) => Label[] {
  return (text) =>
    listOf<Label>(option, text, (part) => {
      if (/[^\d\s-]/.test(part)) return part;
      throw new ArgumentError(option, text, 'integers and ranges, as in 0,3,5-9, or names of classes');
    });
}

/** `other` gives the value of a part that is neither an integer nor a range. */
function listOf<T>(option: string, text: string, other: (part: string) => T): (T | number)[] {
  const refuse = (expected: string): never => {
    throw new ArgumentError(option, text, expected);
  };
  const values: (T | number)[] = [];
  for (const part of text.split(',')) {
    const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    if (first === undefined) {
      values.push(other(part));
      continue;
    }
    const [from, to] = [Number(first), Number(last ?? first)];
    if (from > to) refuse('ranges that ascend, as in 5-9');
    // Beyond these adding 1 changes nothing.
    if (!Number.isSafeInteger(to)) refuse(`integers of at most ${Number.MAX_SAFE_INTEGER}`);
    if (values.length + to - from >= MOST_ITEMS) refuse(`at most ${MOST_ITEMS} numbers`);
    for (let value = from; value <= to; value++) values.push(value);
  }
  return values;
}

/** `1,0` or `-3.5e2,0.1`. */
export function decimalList(option: string): (text: string) => number[] {
  return (text) => {
    const values = text.split(',').map(toNumber);
    if (!values.every(Number.isFinite)) throw new ArgumentError(option, text, 'numbers, as in -3.5,0.1');
    return values;
  };
}

/** `512x768`: height, then width. */
export function sizeText(option: string): (text: string) => { height: number; width: number } {
  return (text) => {
    const [, height, width] = /^(\d{1,6})x(\d{1,6})$/.exec(text) ?? [];
    if (height === undefined)
      throw new ArgumentError(option, text, 'height and width in pixels, as in 512x768');
    return { height: Number(height), width: Number(width) };
  };
}

function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
