/** Compiled shaders of a device. Kernels take sizes and places as numbers, so that a model needs a few dozen. */
import { IncacheError } from '../../errors.js';
import { FIRST_OPERAND, OUTPUT_BINDING, PARAMS_BINDING } from './shader.js';
import type { GPUComputePipeline, GPUDevice } from './webgpu.js';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: object;
}

export class Pipelines {
  readonly #known = new Map<string, Promise<Pipeline>>();

  constructor(readonly device: GPUDevice) {}

  /** The pipeline of a shader with so many operands; `name` is for the message when it does not compile. */
  get(text: string, operands: number, name: string): Promise<Pipeline> {
    const known = this.#known.get(text) ?? this.#make(text, operands, name);
    this.#known.set(text, known);
    return known;
  }

  async #make(code: string, operands: number, name: string): Promise<Pipeline> {
    const { device } = this;
    const entry = (binding: number, type: string) => ({ binding, visibility: COMPUTE, buffer: { type } });
    const layout = device.createBindGroupLayout({
      entries: [
        entry(PARAMS_BINDING, 'uniform'),
        entry(OUTPUT_BINDING, 'storage'),
        ...Array.from({ length: operands }, (_, i) => entry(FIRST_OPERAND + i, 'read-only-storage')),
      ],
    });
    try {
      const pipeline = await device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
      });
      return { pipeline, layout };
    } catch (error) {
      throw new IncacheError(`the driver does not take the kernel '${name}': ${(error as Error).message}`);
    }
  }
}

/** `GPUShaderStage.COMPUTE`. */
const COMPUTE = 4;
