/** The arithmetic of the schema: sums, products and whole quotients of symbols and numbers, `channels*(height/patch)`. */

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: '+' | '-' | '*' | '/'; readonly left: Expression; readonly right: Expression };

/** What symbols stand for so far. */
export type Symbols = ReadonlyMap<string, number>;

const parsed = new Map<string, Expression>();

/** Quotients are rounded down. Throws for a text that is no expression: a defect of the schema. */
export function expression(text: string): Expression {
  const known = parsed.get(text) ?? parse(text);
  parsed.set(text, known);
  return known;
}

/** Its value; undefined while a symbol of it stands for nothing. */
export function evaluate(node: Expression, symbols: Symbols): number | undefined {
  if (node.kind === 'number') return node.value;
  if (node.kind === 'symbol') return symbols.get(node.name);
  const [left, right] = [evaluate(node.left, symbols), evaluate(node.right, symbols)];
  if (left === undefined || right === undefined) return undefined;
  if (node.kind === '+') return left + right;
  if (node.kind === '-') return left - right;
  return node.kind === '*' ? left * right : Math.floor(left / right);
}

/** The symbols of an expression. */
export function symbolsOf(node: Expression): string[] {
  if (node.kind === 'number') return [];
  return node.kind === 'symbol' ? [node.name] : [...symbolsOf(node.left), ...symbolsOf(node.right)];
}

function parse(text: string): Expression {
  const tokens = text.match(/[A-Za-z]\w*|\d+|[-+*/()]/g) ?? [];
  if (tokens.join('') !== text) throw new Error(`'${text}' is no expression`);
  const binary = (kinds: readonly string[], operand: () => Expression) => () => {
    let left = operand();
    while (kinds.includes(tokens[0] ?? '')) {
      const kind = tokens.shift() as '+' | '-' | '*' | '/';
      left = { kind, left, right: operand() };
    }
    return left;
  };
  const atom = (): Expression => {
    const token = tokens.shift() ?? '';
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (/^[A-Za-z]/.test(token)) return { kind: 'symbol', name: token };
    if (token !== '(') throw new Error(`'${text}' is no expression`);
    const inner = sum();
    if (tokens.shift() !== ')') throw new Error(`'${text}' is no expression`);
    return inner;
  };
  const sum = binary(['+', '-'], binary(['*', '/'], atom));
  const result = sum();
  if (tokens.length > 0) throw new Error(`'${text}' is no expression`);
  return result;
}
