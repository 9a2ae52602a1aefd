/**
 * A reader of pickles (Python's `pickletools.py`, protocols 0 to 5) that calls, imports and looks up nothing. Names stay
 * names, objects of classes that `PickleRules` does not know stay inert, and all of it is bounded: a pickle cannot take
 * more than some hundred megabytes or some seconds, however it is made.
 */
import type { ByteCursor } from './byteCursor.js';
import { OPERATIONS } from './pickleOperations.js';
import { PickledName, PickledObject } from './pickleValues.js';

/** The few things that a format gives a meaning. */
export interface PickleRules {
  /** The value behind a persistent id. */
  persistent(id: unknown): unknown;
  /** What the function or class of that exact name would give; `undefined` keeps it inert. */
  call(name: PickledName, args: readonly unknown[]): unknown;
}

const MOST_OPERATIONS = 16_000_000;
const MOST_OBJECTS = 2_000_000;
const MOST_BYTES = 2 ** 28;

/** Reads one pickle from the cursor on. Throws a `FormatError` that starts with the cursor's `what`. */
export function unpickle(cursor: ByteCursor, rules: PickleRules): unknown {
  const machine = new PickleMachine(cursor, rules);
  const end = cursor.position + MOST_BYTES;
  for (let count = 0; count < MOST_OPERATIONS; count++) {
    const code = cursor.byte();
    if (code === STOP) return machine.pop();
    const operation = OPERATIONS[code];
    if (!operation) cursor.refuse(`there is no pickle operation 0x${code.toString(16).padStart(2, '0')}`);
    operation(machine);
    if (cursor.position > end) cursor.refuse(`its pickle is longer than ${MOST_BYTES} bytes`);
  }
  return cursor.refuse(`its pickle has more than ${MOST_OPERATIONS} operations`);
}

const STOP = 0x2e;

/** The stack, marks and memo of a pickle under way. */
export class PickleMachine {
  readonly #stack: unknown[] = [];
  /** Heights of the stack at which a mark stands. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #objects = 0;

  constructor(
    readonly cursor: ByteCursor,
    readonly rules: PickleRules,
  ) {}

  push(value: unknown): void {
    this.#stack.push(value);
  }

  /** As `push`, for a value that takes memory of its own. */
  pushNew(value: unknown): void {
    if (++this.#objects > MOST_OBJECTS)
      this.cursor.refuse(`its pickle makes more than ${MOST_OBJECTS} objects`);
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      this.cursor.refuse('its pickle takes more than it has');
    return this.#stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popMark(): unknown[] {
    const height = this.#marks.pop();
    if (height === undefined) return this.cursor.refuse('its pickle closes what it has not opened');
    return this.#stack.splice(height);
  }

  memoize(place = this.#memo.size): void {
    this.#memo.set(place, this.top());
  }

  recall(place: number): void {
    if (!this.#memo.has(place))
      this.cursor.refuse(`its pickle recalls entry ${place}, which it has not stored`);
    this.#stack.push(this.#memo.get(place));
  }

  pushName(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      return this.cursor.refuse('its pickle names something by what is no text');
    if (runsCode(module, name))
      this.cursor.refuse(`its pickle names ${module}.${name}, which can run code; nothing of it was run`);
    this.pushNew(new PickledName(module, name));
  }

  /** The result of calling `type` with `args`, or an inert object. */
  pushCalled(type: unknown, args: unknown): void {
    const known =
      type instanceof PickledName && Array.isArray(args) ? this.rules.call(type, args) : undefined;
    this.pushNew(known ?? new PickledObject(type, args));
  }

  pushPersistent(id: unknown): void {
    this.pushNew(this.rules.persistent(id));
  }
}

const RUN_CODE = new Set(
  ['builtins', '__builtin__'].flatMap((module) =>
    ['eval', 'exec', 'execfile', 'compile', 'open', 'file', 'input', '__import__', 'breakpoint'].map(
      (name) => `${module}.${name}`,
    ),
  ),
);

const DANGEROUS_MODULES = new Set([
  'asyncio',
  'bdb',
  'code',
  'commands',
  'cProfile',
  'ctypes',
  'doctest',
  'importlib',
  'multiprocessing',
  'nt',
  'os',
  'pdb',
  'pip',
  'popen2',
  'posix',
  'profile',
  'pty',
  'runpy',
  'shutil',
  'socket',
  'subprocess',
  'sys',
  'timeit',
  'webbrowser',
]);

/**
 * A file with such a name was made to harm. Nothing is called in any case, so this list need not be complete: it is there
 * so that a person learns what the file is. A name with a dot reaches through a module to what the module imports.
 */
function runsCode(module: string, name: string): boolean {
  return (
    name.includes('.') || DANGEROUS_MODULES.has(module.split('.')[0]!) || RUN_CODE.has(`${module}.${name}`)
  );
}
