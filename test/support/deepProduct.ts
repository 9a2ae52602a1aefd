/** A product of many terms: gpu.js would stop after 1000 of them. */
import type { Device } from '../../src/backend/backend.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { Random } from './random.js';
import { runPlan } from './runPlan.js';

export const DEPTHS = [1152, 4608];

export async function deepProduct(device: Device, depth: number): Promise<Float32Array> {
  const [rows, columns] = [3, 5];
  const random = new Random(depth);
  const b = new PlanBuilder('deep product');
  const [x, weight] = [b.input('x', rows, depth), b.weight('weight', columns, depth)];
  b.append({ op: 'linear', x, weight, epilogue: 'none', out: b.output('out', rows, columns) });
  const values = random.normals(columns * depth, 1 / Math.sqrt(depth));
  const inputs = { x: random.normals(rows * depth) };
  return (await runPlan(device, b.build(), { read: () => values }, inputs)).get('out')!;
}
