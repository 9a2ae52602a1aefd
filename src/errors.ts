/**
 * Every error that a caller can cause or must expect derives from `IncacheError`; anything else that
 * escapes is a defect of incache. The message is one sentence that can be shown to a person as it is.
 */
export class IncacheError extends Error {
  override name = 'IncacheError';
}

/** An argument, option or field that is not what it must be. */
export class ArgumentError extends IncacheError {
  override name = 'ArgumentError';
  constructor(
    readonly argument: string,
    readonly value: unknown,
    readonly expected: string,
  ) {
    super(`${argument} is ${describe(value)}; expected ${expected}`);
  }
}

/** A file that cannot be read as what it claims to be. */
export class FormatError extends IncacheError {
  override name = 'FormatError';
}

/** A plan whose operations do not fit its buffers. */
export class PlanError extends IncacheError {
  override name = 'PlanError';
}

/** A device that ran out of memory; says how much was asked for. */
export class OutOfMemoryError extends IncacheError {
  override name = 'OutOfMemoryError';
  constructor(
    /** Bytes; 0 where nobody knows. */
    readonly asked: number,
    readonly inUse: number,
    readonly limit: number,
    device: string,
  ) {
    const numbers = `: asked for ${formatBytes(asked)} with ${formatBytes(inUse)} in use of at most ${formatBytes(limit)}`;
    super(`${device} is out of memory${asked > 0 ? numbers : ''}`);
  }
}

/** A sampling run whose latents are NaN or infinite after a step: weights, guidance or cache let values grow too large. */
export class NonFiniteError extends IncacheError {
  override name = 'NonFiniteError';
  constructor(
    /** The step after which it was seen, from 0, and how many the run has. */
    readonly step: number,
    readonly steps: number,
    /** Place of the image in the run. */
    readonly image: number,
  ) {
    super(
      `values stopped being finite at step ${step} of ${steps}, image ${image}: they grew beyond what the device can hold`,
    );
  }
}

/** `1536` -> `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Throws an `ArgumentError` unless `value` is an integer in [minimum, maximum]. */
export function requireInteger(
  argument: string,
  value: unknown,
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return;
  // Beyond 2^53 - 1 it is the limit that is in the way, which then has to be named.
  const isLarge = typeof value === 'number' && value > Number.MAX_SAFE_INTEGER;
  const bound =
    maximum === Number.MAX_SAFE_INTEGER && !isLarge
      ? `of at least ${minimum}`
      : `from ${minimum} to ${maximum}`;
  throw new ArgumentError(argument, value, `an integer ${bound}`);
}

/** Throws an `ArgumentError` unless `value` is a finite number in [minimum, maximum]. */
export function requireNumber(
  argument: string,
  value: unknown,
  minimum = Number.NEGATIVE_INFINITY,
  maximum = Number.POSITIVE_INFINITY,
): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= minimum && value <= maximum) return;
  throw new ArgumentError(argument, value, `a finite number${rangeText(minimum, maximum)}`);
}

/** Throws an `ArgumentError` that lists the choices unless `value` is one of them. */
export function requireOneOf<T extends string>(
  argument: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if (choices.includes(value as T)) return;
  throw new ArgumentError(argument, value, `one of ${choices.join(', ')}`);
}

/** Throws an `ArgumentError` unless `value` is an object, and no array. */
export function requireObject(argument: string, value: unknown, expected: string): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ArgumentError(argument, value, expected);
}

function rangeText(minimum: number, maximum: number): string {
  if (minimum === Number.NEGATIVE_INFINITY && maximum === Number.POSITIVE_INFINITY) return '';
  if (maximum === Number.POSITIVE_INFINITY) return ` of at least ${minimum}`;
  return ` from ${minimum} to ${maximum}`;
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) {
    const text = jsonOf(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  }
  return String(value);
}
