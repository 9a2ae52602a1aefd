import { editDistance } from '../editDistance.js';

/** The `count` of `names` that are most like a text: those that hold it, or that it holds, and those with few other letters. */
export function nearest(text: string, names: Iterable<string>, count: number): string[] {
  return [...names]
    .map((name) => ({ name, unlike: unlikeness(text, name) }))
    .sort((a, b) => a.unlike - b.unlike)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Shorter texts are parts of too many others by chance. */
const LEAST_PART = 3;

function unlikeness(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const distance = editDistance(a, b);
  return short.length >= LEAST_PART && long.includes(short) ? distance / long.length : distance;
}
