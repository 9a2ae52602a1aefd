/** Calibrated operations on an input that is its own cache: what they give must be C(y), to the bit. */
import { PlanBuilder, sliceColumns } from '../../src/plan/builder.js';
import type { Plan, View } from '../../src/plan/types.js';

/** Shapes that fit no tile. */
export const [ROWS, INPUTS, OUTPUTS] = [43, 131, 101];
const HIDDEN = 700;

/** Makes a buffer that the test fills: of what role and type is the backend's to say. */
export type Given = (builder: PlanBuilder, name: string, rows: number, columns: number) => View;

/** In both plans C(y) is `y`, the result `out`. */
export function unchangedLinear(form: 'input' | 'rank', given: Given): Plan {
  return form === 'input' ? inputFormLinear(given) : rankFormLinear(given);
}

export function unchangedMlp(form: 'input' | 'rank', given: Given): Plan {
  const b = new PlanBuilder('unchanged');
  const x = given(b, 'x', ROWS, INPUTS);
  const down = b.weight('down1', 9, INPUTS);
  const hidden = b.state('h', ROWS, 9);
  if (form === 'rank') b.append({ op: 'linear', x, weight: down, epilogue: 'none', out: hidden });
  b.append({
    op: 'calibratedMlp',
    x,
    ...(form === 'input' ? { cachedInput: x } : { cachedHidden: hidden }),
    cachedPreActivation: given(b, 'y1', ROWS, HIDDEN),
    cachedOutput: given(b, 'y', ROWS, OUTPUTS),
    factors: [
      { down, up: b.weight('up1', HIDDEN, 9) },
      { down: b.weight('down2', 7, HIDDEN), up: b.weight('up2', OUTPUTS, 7) },
    ],
    epilogue: 'none',
    out: b.output('out', ROWS, OUTPUTS),
  });
  return b.build();
}

function inputFormLinear(given: Given): Plan {
  const b = new PlanBuilder('unchanged');
  const x = given(b, 'x', ROWS, INPUTS);
  b.append({
    op: 'calibratedLinear',
    x,
    cachedInput: x,
    cachedOutput: given(b, 'y', ROWS, OUTPUTS),
    factors: [{ down: b.weight('down', 9, INPUTS), up: b.weight('up', OUTPUTS, 9) }],
    epilogue: 'none',
    out: b.output('out', ROWS, OUTPUTS),
  });
  return b.build();
}

function rankFormLinear(given: Given): Plan {
  const b = new PlanBuilder('unchanged');
  const x = given(b, 'x', ROWS, INPUTS);
  const ranks = [65, 70];
  const hidden = b.state('h', ROWS, 135);
  const downs = ranks.map((rank, i) => b.weight(`down${i}`, rank, INPUTS));
  for (const [i, weight] of downs.entries()) {
    const out = sliceColumns(hidden, i * 65, ranks[i]!);
    b.append({ op: 'linear', x, weight, epilogue: 'none', out });
  }
  b.append({
    op: 'calibratedLinear',
    x,
    cachedHidden: hidden,
    cachedOutput: given(b, 'y', ROWS, OUTPUTS),
    factors: [
      { down: downs[0]!, up: b.weight('up0', 60, 65) },
      { down: downs[1]!, up: b.weight('up1', 41, 70) },
    ],
    epilogue: 'none',
    out: b.output('out', ROWS, OUTPUTS),
  });
  return b.build();
}
