/** A plan like a transformer block, of shapes that fit no tile, with every operation that is cut into many tiles. */
import type { Device, DeviceTensor, DeviceWeights, Executable } from '../../src/backend/backend.js';
import { PlanBuilder, sliceColumns } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { Random } from '../support/random.js';

const IMAGES = 2;
const TOKENS = 77;
/** Of an image, where tokens are pixels. */
const HEIGHT = 7;
const WIDTH = 70;
const HEADS = 5;
const ROWS = IMAGES * TOKENS;

export function blockPlan(): Plan {
  const b = new PlanBuilder('block');
  const x = b.input('x', ROWS, WIDTH);
  const modulation = b.input('modulation', IMAGES, 3 * WIDTH);
  const part = (i: number) => sliceColumns(modulation, i * WIDTH, WIDTH);
  const normal = b.temporary(ROWS, WIDTH);
  b.append({ op: 'layerNormModulate', x, shift: part(0), scale: part(1), epsilon: 1e-6, out: normal });
  const qkv = b.temporary(ROWS, 3 * WIDTH);
  const qkvWeight = b.weight('qkv', 3 * WIDTH, WIDTH);
  const bias = b.weight('qkv.bias', 1, 3 * WIDTH);
  b.append({ op: 'linear', x: normal, weight: qkvWeight, bias, epilogue: 'none', out: qkv });
  const [q, k, v] = [0, 1, 2].map((i) => sliceColumns(qkv, i * WIDTH, WIDTH)) as [View, View, View];
  const attended = b.output('attended', ROWS, WIDTH);
  const lengths = { queryLength: TOKENS, keyLength: TOKENS, scale: (WIDTH / HEADS) ** -0.5 };
  b.append({ op: 'attention', q, k, v, heads: HEADS, ...lengths, out: attended });
  const hidden = b.temporary(ROWS, 4 * WIDTH);
  b.append({
    op: 'linear',
    x: attended,
    weight: b.weight('fc1', 4 * WIDTH, WIDTH),
    epilogue: 'gelu',
    out: hidden,
  });
  const calibrated = b.output('calibrated', ROWS, WIDTH);
  b.append({
    op: 'calibratedLinear',
    x: hidden,
    cachedInput: b.input('cachedInput', ROWS, 4 * WIDTH),
    cachedOutput: b.input('cachedOutput', ROWS, WIDTH),
    factors: [
      { down: b.weight('down.0', 19, 4 * WIDTH), up: b.weight('up.0', 41, 19) },
      { down: b.weight('down.1', 13, 4 * WIDTH), up: b.weight('up.1', 29, 13) },
    ],
    epilogue: 'gateResidual',
    gate: part(2),
    residual: x,
    out: calibrated,
  });
  b.append({
    op: 'calibratedMlp',
    x: calibrated,
    cachedHidden: b.input('cachedHidden', ROWS, 11),
    cachedPreActivation: b.input('cachedPreActivation', ROWS, 9 * WIDTH),
    cachedOutput: b.input('cachedMlp', ROWS, WIDTH),
    factors: [
      { down: b.weight('fc1.down', 11, WIDTH), up: b.weight('fc1.up', 9 * WIDTH, 11) },
      { down: b.weight('fc2.down', 13, 9 * WIDTH), up: b.weight('fc2.up', WIDTH, 13) },
    ],
    epilogue: 'gateResidual',
    gate: part(2),
    residual: calibrated,
    out: b.output('mlp', ROWS, WIDTH),
  });
  b.append({ op: 'secondMoment', x: calibrated, out: b.output('moment', WIDTH, WIDTH) });
  b.append({ op: 'channelStatistics', x: hidden, out: b.output('statistics', IMAGES, 4 * WIDTH) });
  b.append({
    op: 'linearCombination',
    terms: [
      { x: calibrated, coefficient: 0.7 },
      { x, coefficient: -1.3 },
    ],
    out: b.output('combination', ROWS, WIDTH),
  });
  b.append({ op: 'relativeDistance', x: calibrated, previous: x, norm: 2, out: b.output('distance', 1, 1) });
  const pixels = b.temporary(ROWS, WIDTH);
  b.append({
    op: 'norm',
    kind: 'layer',
    x: calibrated,
    span: TOKENS,
    groups: 14,
    epsilon: 1e-6,
    gain: b.weight('gain', 1, WIDTH),
    epilogue: 'silu',
    out: pixels,
  });
  b.append({
    op: 'convolution',
    x: pixels,
    weight: b.weight('filters', 5 * WIDTH, 9 * WIDTH),
    height: HEIGHT,
    width: TOKENS / HEIGHT,
    kernel: 3,
    stride: 1,
    upsample: 1,
    padTop: 1,
    padBottom: 1,
    padLeft: 1,
    padRight: 1,
    epilogue: 'none',
    out: b.output('convolved', ROWS, 5 * WIDTH),
  });
  return b.build();
}

type View = ReturnType<PlanBuilder['weight']>;

/** A plan compiled on a device, its inputs random and its outputs NaN. */
export interface Bound {
  readonly executable: Executable;
  readonly weights: DeviceWeights;
  readonly tensors: ReadonlyMap<string, DeviceTensor>;
  /** Runs the plan and returns the bits of its outputs one after another. */
  run(): Promise<Uint32Array>;
}

/** Compiles a plan with random weights and inputs, the same for every device. */
export async function bind(device: Device, plan: Plan): Promise<Bound> {
  const values = randomValues(plan);
  const weights = device.loadWeights({ read: (name) => values.get(name)! });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, type, rows, columns } of plan.buffers) {
    if (role === 'weight' || role === 'temporary') continue;
    const tensor = device.allocate(rows, columns, type);
    await tensor.write(values.get(name)!);
    tensors.set(name, tensor);
  }
  const executable = await device.compile(plan, { weights, tensors });
  const run = async () => {
    await executable.run();
    const outputs = plan.buffers.filter(({ role }) => role === 'output');
    const values = await Promise.all(outputs.map(({ name }) => tensors.get(name)!.read()));
    const all = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
    let end = 0;
    for (const output of values) {
      all.set(output, end);
      end += output.length;
    }
    return new Uint32Array(all.buffer);
  };
  return { executable, weights, tensors, run };
}

function randomValues(plan: Plan): Map<string, Float32Array> {
  const random = new Random(7);
  return new Map(
    plan.buffers.map(({ name, role, rows, columns }) => {
      if (role === 'output') return [name, new Float32Array(rows * columns).fill(Number.NaN)];
      return [name, random.normals(rows * columns, role === 'weight' ? 1 / Math.sqrt(columns) : 1)];
    }),
  );
}
