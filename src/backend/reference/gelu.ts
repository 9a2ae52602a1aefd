import type { GeluOp } from '../../plan/types.js';
import { map } from './elementwise.js';
import type { Operands } from './operands.js';

type Form = NonNullable<GeluOp['form']>;

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** GELU (Hendrycks & Gimpel, 2016): as it is, and in the two forms by which models approximate it. */
const FORMS: Readonly<Record<Form, (x: number) => number>> = {
  tanh: (x) => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x ** 3))),
  erf: (x) => (x > 0 ? x * (1 - tail(x)) : x * tail(-x)),
  quick: (x) => x / (1 + Math.exp(-1.702 * x)),
};

export function geluOf(form: GeluOp['form']): (x: number) => number {
  return FORMS[form ?? 'tanh'];
}

export function gelu({ x, form, out }: Operands<'gelu'>): void {
  map(x, geluOf(form), out);
}

/** The probability that a standard normal variable is above x >= 0: a series near 0, a continued fraction (Laplace) beyond. */
function tail(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let fraction = x;
    for (let k = 100; k > 0; k--) fraction = x + k / fraction;
    return density / fraction;
  }
  let [sum, term] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-20; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 - density * sum;
}
