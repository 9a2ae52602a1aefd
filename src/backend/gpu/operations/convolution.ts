import { convolvedSize } from '../../../plan/convolution.js';
import type { ConvolutionOp } from '../../../plan/types.js';
import { ACTIVATIONS } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { convolutionDispatch } from '../wgsl/convolution.js';

export function convolution(op: ConvolutionOp, at: Lowering): void {
  if (at.forms.products !== 'translated') return at.add(convolutionDispatch(op, at));
  const { height: down, width: across } = convolvedSize(op);
  const { height, width, kernel, stride, upsample, padTop, padLeft } = op;
  const operands = { x: at.matrix(op.x), weight: at.matrix(op.weight), bias: at.optional(op.bias) };
  at.run(
    'convolution',
    at.matrix(op.out),
    { ...operands, residual: at.optional(op.residual) },
    {
      channels: op.x.columns,
      ...{ height, width, down, across, kernel, stride, upsample, padTop, padLeft },
      kind: op.epilogue === 'silu' ? ACTIVATIONS.silu : 0,
    },
  );
}
