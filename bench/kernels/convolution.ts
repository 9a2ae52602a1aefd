import { PlanBuilder } from '../../src/plan/builder.js';
import type { ConvolutionOp, FloatType, Plan } from '../../src/plan/types.js';
import type { KernelCase, Level } from './case.js';
import { convolutionModel } from './rivals.js';

/** A 3 x 3 convolution of a decoder of images: `size` pixels down and across of what it writes. */
interface ConvolutionShape {
  readonly size: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly upsample: ConvolutionOp['upsample'];
  readonly level: Level;
}

/** Those that carry the cost of Stable Diffusion's decoder at 512 and 256 pixels. */
const SHAPES: readonly ConvolutionShape[] = [
  { size: 64, inputs: 512, outputs: 512, upsample: 1, level: 'quick' },
  { size: 256, inputs: 128, outputs: 128, upsample: 1, level: 'quick' },
  { size: 128, inputs: 256, outputs: 256, upsample: 1, level: 'default' },
  { size: 64, inputs: 512, outputs: 512, upsample: 2, level: 'default' },
  { size: 256, inputs: 128, outputs: 3, upsample: 1, level: 'default' },
];

export function convolution(): KernelCase[] {
  return SHAPES.map((shape) => ({
    kernel: 'convolution',
    shape: `3 x 3, ${shape.size} x ${shape.size} pixels ${shape.inputs} -> ${shape.outputs}${shape.upsample > 1 ? ', upsampled' : ''}`,
    level: shape.level,
    plan: (type) => convolutionPlan(shape, type),
    ...(shape.upsample === 1 && { rival: () => convolutionModel(shape.size, shape.inputs, shape.outputs) }),
  }));
}

function convolutionPlan({ size, inputs, outputs, upsample }: ConvolutionShape, type: FloatType): Plan {
  const b = new PlanBuilder(`convolution ${size} ${inputs} ${outputs} ${upsample}`);
  const side = size / upsample;
  b.append({
    op: 'convolution',
    x: b.state('x', side * side, inputs, type),
    weight: b.weight('weight', outputs, inputs * 9),
    bias: b.weight('bias', 1, outputs),
    height: side,
    width: side,
    kernel: 3,
    stride: 1,
    upsample,
    padTop: 1,
    padBottom: 1,
    padLeft: 1,
    padRight: 1,
    epilogue: 'none',
    out: b.state('out', size * size, outputs, type),
  });
  return b.build();
}
