/**
 * What a pickle is read into. Numbers, texts, `null` and booleans are those of JavaScript, whole numbers beyond 2^53
 * bigints; lists, tuples and sets are arrays, dictionaries maps, bytes `Uint8Array`. Everything else stays inert.
 */

/** A name of a Python module: it is never looked up, imported or called. */
export class PickledName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that is not known here: what it was made of, unused. */
export class PickledObject {
  /** What was set on it afterwards, as a rule a dictionary of attributes. */
  state: unknown = null;

  constructor(
    /** The class or function that Python would have called. */
    readonly type: unknown,
    readonly args: unknown,
  ) {}
}

/** As a person would call the value in a message. */
export function describePickled(value: unknown): string {
  if (value === null) return 'None';
  if (value instanceof Map) return value.size === 0 ? 'an empty dictionary' : 'a dictionary';
  if (Array.isArray(value)) return `a list or tuple of ${value.length}`;
  if (value instanceof PickledObject)
    return value.type instanceof PickledName ? `an object of ${value.type}` : 'an object';
  if (value instanceof PickledName) return `the name ${value}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'object') return `a ${value.constructor.name}`;
  return `a ${typeof value}`;
}
