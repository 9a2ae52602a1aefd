/** Which kernels do what several can do. */

/** Matrix products, attention and convolutions: by the kernels of gpu.js, or by one of those in `wgsl`. */
export type ProductForm = 'translated' | 'registers' | 'workgroup';

/** Operations that are products one after another, or one kernel that keeps in workgroup memory what lies between. */
export const FUSIBLE = ['calibratedLinear', 'calibratedMlp'] as const;
export type Fusible = (typeof FUSIBLE)[number];

export interface KernelForms {
  readonly products: ProductForm;
  readonly fused: readonly Fusible[];
}

/** `registers, fused calibratedMlp`. */
export function describeForms({ products, fused }: KernelForms): string {
  return [products, ...fused.map((op) => `fused ${op}`)].join(', ');
}
