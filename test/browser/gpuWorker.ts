/** The gpu backend in a worker of a page: answers a form of products and a number of cases with what failed. */
import { describeAdapter, findAdapter } from '../../src/backend/gpu/adapter.js';
import { openGpuDevice } from '../../src/backend/gpu/device.js';
import type { ProductForm } from '../../src/backend/gpu/lowering.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import type { OpName } from '../../src/plan/types.js';
import type { MessageScope } from '../../src/platform/types.js';
import { CASES } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { Random } from '../support/random.js';

export interface GpuRequest {
  readonly form: ProductForm;
  readonly runs: number;
  /** Default: all. */
  readonly ops?: readonly OpName[];
}

export interface GpuResult {
  readonly adapter: string;
  readonly cases: number;
  readonly failures: readonly string[];
}

const scope = globalThis as unknown as MessageScope;
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage(await conform(data as GpuRequest));
  } catch (error) {
    scope.postMessage({ adapter: '', cases: 0, failures: [String(error)] });
  }
};

async function conform({ form, runs, ops = OP_NAMES }: GpuRequest): Promise<GpuResult> {
  const adapter = await findAdapter();
  if (typeof adapter === 'string') return { adapter, cases: 0, failures: [] };
  const device = await openGpuDevice(adapter, form);
  const oracle = await referenceBackend.open();
  const failures: string[] = [];
  for (const op of ops)
    for (let seed = 1; seed <= runs; seed++) {
      const testCase = CASES[op](new Random(seed));
      try {
        compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
      } catch (error) {
        failures.push(`${op}, seed ${seed}: ${(error as Error).message}`);
      }
    }
  await device.dispose();
  return { adapter: describeAdapter(adapter), cases: ops.length * runs, failures };
}
