/** Which bytes of an arena are taken at which operations, for a search that does not look at every buffer. */

/** Disjoint, ascending pairs of first byte and end. */
type Spans = (readonly [number, number])[];

/**
 * A segment tree over the operations. A node stands for a range of them: `whole` has the bytes that are taken during all of the
 * range by buffers listed at this node, `some` those that are taken during any part of it by buffers listed here or below.
 */
export class Occupancy {
  readonly #leaves: number;
  /** By node: 1 is the root, 2n and 2n + 1 are the halves of n. Most nodes have none. */
  readonly #whole = new Map<number, Spans>();
  readonly #some = new Map<number, Spans>();

  constructor(operations: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, operations)));
  }

  /** The lowest offset at which `bytes` bytes are free during operations `first` to `last`. */
  lowest(first: number, last: number, bytes: number): number {
    const taken: Spans = [];
    this.#visit(first, last, (node, inside) => {
      for (const span of (inside ? this.#some : this.#whole).get(node) ?? []) taken.push(span);
    });
    taken.sort((a, b) => a[0] - b[0]);
    let offset = 0;
    for (const [start, end] of taken) {
      if (start - offset >= bytes) break;
      offset = Math.max(offset, end);
    }
    return offset;
  }

  take(first: number, last: number, offset: number, bytes: number): void {
    const span = [offset, offset + bytes] as const;
    this.#visit(first, last, (node, inside) => {
      add(this.#some, node, span);
      if (inside) add(this.#whole, node, span);
    });
  }

  /** Nodes whose range meets [first, last], from the root down to those that lie inside it. */
  #visit(first: number, last: number, see: (node: number, inside: boolean) => void): void {
    const descend = (node: number, from: number, count: number): void => {
      if (from > last || from + count <= first) return;
      const inside = first <= from && from + count - 1 <= last;
      see(node, inside);
      if (inside) return;
      descend(2 * node, from, count / 2);
      descend(2 * node + 1, from + count / 2, count / 2);
    };
    descend(1, 0, this.#leaves);
  }
}

/** Adds a span to those of a node and joins it with what it touches. */
function add(nodes: Map<number, Spans>, node: number, span: readonly [number, number]): void {
  const spans = nodes.get(node);
  if (!spans) {
    nodes.set(node, [span]);
    return;
  }
  const [start, end] = span;
  let first = spans.length;
  while (first > 0 && spans[first - 1]![1] >= start) first--;
  let next = first;
  while (next < spans.length && spans[next]![0] <= end) next++;
  if (next === first) {
    spans.splice(first, 0, span);
    return;
  }
  const [from, to] = [spans[first]![0], spans[next - 1]![1]];
  if (next - first > 1 || start < from || end > to)
    spans.splice(first, next - first, [Math.min(start, from), Math.max(end, to)]);
}
