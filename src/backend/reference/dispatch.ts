import type { Op, View } from '../../plan/types.js';
import { add } from './add.js';
import { attention } from './attention.js';
import { calibratedLinear } from './calibratedLinear.js';
import { calibratedMlp } from './calibratedMlp.js';
import { channelStatistics } from './channelStatistics.js';
import { convolution } from './convolution.js';
import { map } from './elementwise.js';
import { gateResidual } from './gateResidual.js';
import { gatherRows } from './gatherRows.js';
import { geluOf } from './gelu.js';
import { layerNormModulate } from './layerNormModulate.js';
import { linear } from './linear.js';
import { linearCombination } from './linearCombination.js';
import type { Matrix } from './matrix.js';
import { norm } from './norm.js';
import { patchify } from './patchify.js';
import { relativeDistance } from './relativeDistance.js';
import { secondMoment } from './secondMoment.js';
import { silu } from './silu.js';
import { timestepEmbedding } from './timestepEmbedding.js';
import { unpatchify } from './unpatchify.js';

/** Runs one operation; `at` gives the matrix behind a view. */
export function runOp(op: Op, at: (view: View) => Matrix): void {
  const maybe = (view: View | undefined) => view && at(view);
  switch (op.op) {
    case 'linear':
      return linear({
        epilogue: op.epilogue,
        x: at(op.x),
        weight: at(op.weight),
        bias: maybe(op.bias),
        gate: maybe(op.gate),
        residual: maybe(op.residual),
        store: maybe(op.store),
        out: at(op.out),
      });
    case 'calibratedLinear':
      return calibratedLinear({
        epilogue: op.epilogue,
        x: at(op.x),
        cachedInput: maybe(op.cachedInput),
        cachedHidden: maybe(op.cachedHidden),
        cachedOutput: at(op.cachedOutput),
        factors: op.factors.map(({ down, up }) => ({ down: at(down), up: at(up) })),
        gate: maybe(op.gate),
        residual: maybe(op.residual),
        out: at(op.out),
      });
    case 'calibratedMlp': {
      const [fc1, fc2] = op.factors.map(({ down, up }) => ({ down: at(down), up: at(up) }));
      return calibratedMlp({
        epilogue: op.epilogue,
        x: at(op.x),
        cachedInput: maybe(op.cachedInput),
        cachedHidden: maybe(op.cachedHidden),
        cachedPreActivation: at(op.cachedPreActivation),
        cachedOutput: at(op.cachedOutput),
        fc1: fc1!,
        fc2: fc2!,
        gate: maybe(op.gate),
        residual: maybe(op.residual),
        out: at(op.out),
      });
    }
    case 'attention':
      return attention({
        ...op,
        q: at(op.q),
        k: at(op.k),
        v: at(op.v),
        bias: maybe(op.bias),
        keyBias: maybe(op.keyBias),
        keyLengths: maybe(op.keyLengths),
        out: at(op.out),
      });
    case 'layerNormModulate':
      return layerNormModulate(at(op.x), at(op.shift), at(op.scale), op.epsilon, at(op.out));
    case 'patchify':
      return patchify(op, at(op.x), at(op.out));
    case 'unpatchify':
      return unpatchify(op, at(op.x), at(op.out));
    case 'timestepEmbedding':
      return timestepEmbedding(at(op.x), op.maxPeriod, at(op.out));
    case 'gatherRows':
      return gatherRows(at(op.table), at(op.index), at(op.out));
    case 'add':
      return add(at(op.x), at(op.y), at(op.out));
    case 'silu':
      return map(at(op.x), silu, at(op.out));
    case 'gelu':
      return map(at(op.x), geluOf(op.form), at(op.out));
    case 'gateResidual':
      return gateResidual(at(op.x), at(op.gate), at(op.residual), at(op.out));
    case 'channelStatistics':
      return channelStatistics(at(op.x), maybe(op.previous), at(op.out));
    case 'secondMoment':
      return secondMoment(at(op.x), maybe(op.previous), at(op.out));
    case 'linearCombination':
      return linearCombination(
        op.terms.map(({ x, coefficient }) => ({ x: at(x), coefficient })),
        at(op.out),
      );
    case 'convolution':
      return convolution(op, {
        epilogue: op.epilogue,
        x: at(op.x),
        weight: at(op.weight),
        bias: maybe(op.bias),
        residual: maybe(op.residual),
        out: at(op.out),
      });
    case 'norm':
      return norm(op, {
        x: at(op.x),
        gain: maybe(op.gain),
        bias: maybe(op.bias),
        scale: maybe(op.scale),
        shift: maybe(op.shift),
        out: at(op.out),
      });
    case 'relativeDistance':
      return relativeDistance(at(op.x), at(op.previous), op.norm, at(op.out));
    default:
      op satisfies never;
  }
}
