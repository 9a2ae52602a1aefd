/** The operations of pickles by their code, as `pickletools.py` of Python describes them. */
import { fromUtf8, latin1, viewOf } from '../binary.js';
import type { PickleMachine } from './pickleMachine.js';
import { PickledObject } from './pickleValues.js';

type Operation = (machine: PickleMachine) => void;

/** The largest whole number that is read, in bytes. */
const LONGEST_INTEGER = 1024;

const KEYED: Record<string, Operation> = {
  '(': (m) => m.mark(),
  '0': (m) => m.pop(),
  '1': (m) => m.popMark(),
  '2': (m) => m.push(m.top()),
  // Numbers.
  F: (m) => m.push(Number(m.cursor.line())),
  G: (m) => m.push(viewOf(m.cursor.take(8)).getFloat64(0)),
  I: (m) => m.push(integerOfLine(m)),
  J: (m) => m.push(viewOf(m.cursor.take(4)).getInt32(0, true)),
  K: (m) => m.push(m.cursor.byte()),
  L: (m) => m.push(integerOfLine(m)),
  M: (m) => m.push(viewOf(m.cursor.take(2)).getUint16(0, true)),
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  '\x8a': (m) => m.push(integerOfBytes(m, m.cursor.byte())),
  '\x8b': (m) => m.push(integerOfBytes(m, length32(m))),
  // Texts and bytes.
  S: (m) => m.pushNew(m.cursor.line().replace(/^(['"])(.*)\1$/, '$2')),
  T: (m) => m.pushNew(latin1(m.cursor.take(length32(m)))),
  U: (m) => m.pushNew(latin1(m.cursor.take(m.cursor.byte()))),
  V: (m) => m.pushNew(m.cursor.line()),
  X: (m) => m.pushNew(text(m, length32(m))),
  '\x8c': (m) => m.pushNew(text(m, m.cursor.byte())),
  '\x8d': (m) => m.pushNew(text(m, length64(m))),
  B: (m) => m.pushNew(m.cursor.take(length32(m))),
  C: (m) => m.pushNew(m.cursor.take(m.cursor.byte())),
  '\x8e': (m) => m.pushNew(m.cursor.take(length64(m))),
  '\x96': (m) => m.pushNew(m.cursor.take(length64(m))),
  // Lists, tuples and sets.
  ']': (m) => m.pushNew([]),
  ')': (m) => m.pushNew([]),
  '\x8f': (m) => m.pushNew([]),
  l: (m) => m.pushNew(m.popMark()),
  t: (m) => m.pushNew(m.popMark()),
  '\x91': (m) => m.pushNew(m.popMark()),
  '\x85': (m) => m.pushNew(popped(m, 1)),
  '\x86': (m) => m.pushNew(popped(m, 2)),
  '\x87': (m) => m.pushNew(popped(m, 3)),
  a: (m) => append(m, [m.pop()]),
  e: (m) => append(m, m.popMark()),
  '\x90': (m) => append(m, m.popMark()),
  // Dictionaries.
  '}': (m) => m.pushNew(new Map()),
  d: (m) => {
    const items = m.popMark();
    m.pushNew(new Map());
    setItems(m, items);
  },
  s: (m) => setItems(m, popped(m, 2)),
  u: (m) => setItems(m, m.popMark()),
  // What was there before.
  g: (m) => m.recall(integerOfLine(m)),
  h: (m) => m.recall(m.cursor.byte()),
  j: (m) => m.recall(length32(m)),
  p: (m) => m.memoize(integerOfLine(m)),
  q: (m) => m.memoize(m.cursor.byte()),
  r: (m) => m.memoize(length32(m)),
  '\x94': (m) => m.memoize(),
  // Names and objects.
  c: (m) => m.pushName(m.cursor.line(), m.cursor.line()),
  '\x93': (m) => {
    const [module, name] = popped(m, 2);
    m.pushName(module, name);
  },
  R: (m) => {
    const [type, args] = popped(m, 2);
    m.pushCalled(type, args);
  },
  '\x81': (m) => {
    const [type, args] = popped(m, 2);
    m.pushCalled(type, args);
  },
  '\x92': (m) => {
    const [type, args] = popped(m, 3);
    m.pushNew(new PickledObject(type, args));
  },
  i: (m) => {
    m.pushName(m.cursor.line(), m.cursor.line());
    const type = m.pop();
    m.pushCalled(type, m.popMark());
  },
  o: (m) => {
    const [type, ...args] = m.popMark();
    m.pushCalled(type, args);
  },
  b: (m) => {
    const state = m.pop();
    const object = m.top();
    // A dictionary's own attributes, as `_metadata` of a state dict, are of no use.
    if (object instanceof PickledObject) object.state = state;
  },
  P: (m) => m.pushPersistent(m.cursor.line()),
  Q: (m) => m.pushPersistent(m.pop()),
  // Headers.
  '\x80': (m) => {
    const protocol = m.cursor.byte();
    if (protocol > 5) m.cursor.refuse(`its pickle has protocol ${protocol}; 0 to 5 are read`);
  },
  '\x95': (m) => m.cursor.take(8),
};

export const OPERATIONS: readonly (Operation | undefined)[] = Array.from(
  { length: 256 },
  (_, code) => KEYED[String.fromCharCode(code)],
);

function popped(machine: PickleMachine, count: number): unknown[] {
  const values = new Array<unknown>(count);
  for (let i = count - 1; i >= 0; i--) values[i] = machine.pop();
  return values;
}

/** What an unknown object is filled with is not kept. */
function append(machine: PickleMachine, values: readonly unknown[]): void {
  const list = machine.top();
  if (Array.isArray(list)) for (const value of values) list.push(value);
  else if (!(list instanceof PickledObject)) machine.cursor.refuse('its pickle appends to what is no list');
}

function setItems(machine: PickleMachine, items: readonly unknown[]): void {
  const target = machine.top();
  if (items.length % 2 !== 0) machine.cursor.refuse('its pickle gives a key without a value');
  if (target instanceof Map) for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  else if (!(target instanceof PickledObject))
    machine.cursor.refuse('its pickle sets an item of what is no dictionary');
}

function text(machine: PickleMachine, length: number): string {
  return fromUtf8(machine.cursor.take(length));
}

function length32(machine: PickleMachine): number {
  return viewOf(machine.cursor.take(4)).getUint32(0, true);
}

function length64(machine: PickleMachine): number {
  return Number(viewOf(machine.cursor.take(8)).getBigUint64(0, true));
}

function integerOfLine(machine: PickleMachine): number {
  const line = machine.cursor.line();
  const value = Number(line.replace(/L$/, ''));
  // `I01` and `I00` are the booleans of protocol 0; what is not whole is no number that matters here.
  return Number.isNaN(value)
    ? machine.cursor.refuse(`its pickle has '${line}' in the place of a number`)
    : value;
}

/** Two's complement, little-endian. */
function integerOfBytes(machine: PickleMachine, length: number): number | bigint {
  if (length > LONGEST_INTEGER) machine.cursor.refuse(`its pickle has a whole number of ${length} bytes`);
  if (length === 0) return 0;
  const bytes = machine.cursor.take(length);
  const digits = Array.from(bytes.reverse(), (byte) => byte.toString(16).padStart(2, '0'));
  const value = BigInt.asIntN(8 * length, BigInt(`0x${digits.join('')}`));
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
