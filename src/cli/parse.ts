/** Command-line texts to values; each throws an `ArgumentError` that names the option. */
import { ArgumentError, requireInteger, requireNumber } from '../errors.js';

/** For commander: an option that takes an integer of at least `minimum`. */
export function integer(option: string, minimum: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    requireInteger(option, Number.isNaN(value) ? text : value, minimum);
    return value;
  };
}

export function decimal(option: string, minimum: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    requireNumber(option, Number.isNaN(value) ? text : value, minimum);
    return value;
  };
}

/** `0,3,7` or ranges as in `0-9`. */
export function integerList(option: string): (text: string) => number[] {
  return (text) =>
    text.split(',').flatMap((part) => {
      const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
      if (first === undefined) throw new ArgumentError(option, text, 'integers and ranges, as in 0,3,5-9');
      const [from, to] = [Number(first), Number(last ?? first)];
      requireInteger(option, to, from, from + 1_000_000);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
}

function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
