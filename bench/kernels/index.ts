/** Every case of every kernel. */
import { attention } from './attention.js';
import { calibratedLinear } from './calibratedLinear.js';
import { calibratedMlp } from './calibratedMlp.js';
import { type KernelCase, LEVELS, type Level } from './case.js';
import { convolution } from './convolution.js';
import { layerNormModulate } from './layerNormModulate.js';
import { linear } from './linear.js';
import { norm } from './norm.js';

export function kernelCases(): KernelCase[] {
  return [
    ...linear(),
    ...calibratedLinear(),
    ...calibratedMlp(),
    ...attention(),
    ...layerNormModulate(),
    ...convolution(),
    ...norm(),
  ];
}

/** Those of a level whose kernel and shape, as in `attention XL/2 256 tokens`, have `wanted` in them. */
export function chooseCases(cases: readonly KernelCase[], level: Level, wanted: string): KernelCase[] {
  const depth = LEVELS.indexOf(level);
  return cases.filter(
    (kernelCase) =>
      LEVELS.indexOf(kernelCase.level) <= depth &&
      `${kernelCase.kernel} ${kernelCase.shape}`.toLowerCase().includes(wanted.toLowerCase()),
  );
}
