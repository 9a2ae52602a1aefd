/** Convolutions in WGSL: every thread computes four filters at four pixels. */
import { convolvedSize } from '../../../plan/convolution.js';
import type { ConvolutionOp } from '../../../plan/types.js';
import { type Dispatch, groupsFor } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { ENDING, endingOf } from './epilogue.js';
import { BUILTINS, EACH, FINISH_BIASED, SUMS } from './registerTile.js';

const SIDE = 8;
const PIXELS = [0, 1, 2, 3] as const;

export function convolutionDispatch(op: ConvolutionOp, at: Lowering): Dispatch {
  const { height: down, width: across } = convolvedSize(op);
  const out = at.matrix(op.out);
  const end = endingOf(
    {
      epilogue: op.epilogue === 'silu' ? 'silu' : 'none',
      residual: op.residual && at.matrix(op.residual),
      out,
    },
    at,
  );
  const { height, width, kernel, stride, upsample, padTop, padLeft } = op;
  const geometry = { height, width, kernel, stride, upsample, padTop, padLeft };
  return {
    kernel: {
      name: 'convolution',
      matrices: ['x', 'bias', ...ENDING.matrices],
      vectors: ['weight'],
      integers: ['channels', 'down', 'across', ...Object.keys(geometry), ...ENDING.integers],
      floats: ENDING.floats,
      text: `${ENDING.text}\n${TEXT}`,
    },
    out,
    operands: {
      x: at.matrix(op.x),
      weight: at.transposed(op.weight, op.kernel ** 2),
      bias: at.optional(op.bias),
      ...end.operands,
    },
    numbers: { channels: op.x.columns, down, across, ...geometry, ...end.numbers },
    groups: groupsFor(out, SIDE * EACH, SIDE * EACH),
  };
}

const TEXT = `// The row of x that the filter's place (y, x) falls on, for the pixel of an output row; -1 beyond the image.
fn pixel(row: i32, y: i32, x: i32) -> i32 {
  let place = row % (params.down * params.across);
  let top = place / params.across * params.stride - params.padTop + y;
  let left = place % params.across * params.stride - params.padLeft + x;
  if (top < 0 || left < 0) { return -1; }
  let i = top / params.upsample;
  let j = left / params.upsample;
  if (i >= params.height || j >= params.width) { return -1; }
  return (row / (params.down * params.across) * params.height + i) * params.width + j;
}
fn input(row: i32, channel: i32) -> f32 {
  if (row < 0) { return 0.0; }
  return get_x(row, channel);
}
@compute @workgroup_size(${SIDE}, ${SIDE}, 1)
fn main(
${BUILTINS}
) {
  let row = i32((group.z * groups.y + group.y) * ${SIDE}u + local.y) * ${EACH};
  let column = i32(group.x * ${SIDE}u + local.x) * ${EACH};
  if (row >= params.out_rows || column >= params.out_columns) { return; }
  let last = params.out_rows - 1;
  var sums: ${SUMS};
  var at = params.weight_offset + column / 4;
  for (var y = 0; y < params.kernel; y++) {
    for (var x = 0; x < params.kernel; x++) {
${PIXELS.map((i) => `      let p${i} = pixel(min(row + ${i}, last), y, x);`).join('\n')}
      for (var c = 0; c < params.channels; c++) {
        let w = weight[at];
        at += params.weight_stride;
${PIXELS.map((i) => `        sums[${i}] += input(p${i}, c) * w;`).join('\n')}
      }
    }
  }
  ${FINISH_BIASED}
}`;
