/** Good plans of one operation, of which the tests of validation spoil one thing each. */
import type { Op, Plan, PlanBuffer, View } from '../../src/plan/types.js';

export const buffer = (
  name: string,
  role: PlanBuffer['role'],
  rows: number,
  columns: number,
  type: PlanBuffer['type'] = 'f32',
) => ({ name, role, type, rows, columns }) satisfies PlanBuffer;
const whole = (id: number, rows: number, columns: number): View => ({
  buffer: id,
  row: 0,
  rows,
  column: 0,
  columns,
});

/** x: 6 x 4 of two images, weight: 5 x 4, out: 6 x 5, and spare buffers for the rest. */
export const BUFFERS = [
  buffer('x', 'input', 6, 4),
  buffer('weight', 'weight', 5, 4),
  buffer('out', 'output', 6, 5),
  buffer('gate', 'state', 2, 5),
  buffer('residual', 'state', 6, 5),
  buffer('index', 'input', 6, 1, 'i32'),
  buffer('temporary', 'temporary', 6, 5),
  buffer('down', 'weight', 3, 4),
  buffer('up', 'weight', 5, 3),
  buffer('image', 'input', 2, 12),
  buffer('square', 'state', 4, 4),
  buffer('down2', 'weight', 2, 5),
  buffer('filters', 'weight', 5, 36),
];
export const [x, weight, out, gate, residual, index, temporary, down, up, image, square, down2, filters] =
  BUFFERS.map(({ rows, columns }, id) => whole(id, rows, columns)) as [
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
  ];

export const LINEAR = { op: 'linear', x, weight, epilogue: 'none', out } as const satisfies Op;
export const CALIBRATED = {
  op: 'calibratedLinear',
  x,
  cachedInput: x,
  cachedOutput: residual,
  factors: [{ down, up }],
  epilogue: 'none',
  out,
} as const satisfies Op;
export const CALIBRATED_MLP = {
  op: 'calibratedMlp',
  x,
  cachedInput: x,
  cachedPreActivation: residual,
  cachedOutput: { ...residual, columns: 4 },
  factors: [
    { down, up },
    { down: down2, up: { ...weight, rows: 4, columns: 2 } },
  ],
  epilogue: 'none',
  out: { ...out, columns: 4 },
} as const satisfies Op;
export const ATTENTION = {
  op: 'attention',
  q: residual,
  k: residual,
  v: residual,
  heads: 5,
  queryLength: 3,
  keyLength: 3,
  scale: 1,
  out,
} as const satisfies Op;

/** Two images of 3 x 1 pixels, of 4 channels each. */
export const CONVOLUTION = {
  op: 'convolution',
  x,
  weight: filters,
  height: 3,
  width: 1,
  kernel: 3,
  stride: 1,
  upsample: 1,
  padTop: 1,
  padBottom: 1,
  padLeft: 1,
  padRight: 1,
  epilogue: 'none',
  out,
} as const satisfies Op;
export const NORM = {
  op: 'norm',
  kind: 'layer',
  x,
  span: 3,
  groups: 2,
  epsilon: 1e-6,
  epilogue: 'none',
  out: { ...residual, columns: 4 },
} as const satisfies Op;

export const planOf = (op: Op, buffers: PlanBuffer[] = BUFFERS): Plan => ({
  name: 'p',
  buffers,
  ops: [{ layer: 'here', op }],
});
