/**
 * The gpu backend in a worker of a page: answers forms of kernels and a number of cases with what failed, of these, of long
 * sums, of many runs and of a loss.
 */
import type { Device } from '../../src/backend/backend.js';
import { describeAdapter, findAdapter } from '../../src/backend/gpu/adapter.js';
import { type GpuDevice, openGpuDevice } from '../../src/backend/gpu/device.js';
import type { KernelForms } from '../../src/backend/gpu/forms.js';
import { referenceBackend } from '../../src/backend/reference/index.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import type { OpName } from '../../src/plan/types.js';
import type { MessageScope } from '../../src/platform/types.js';
import { CASES, type ConformanceCase } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { assertClose } from '../support/compare.js';
import { DEPTHS, deepProduct } from '../support/deepProduct.js';
import { highRankCases } from '../support/highRanks.js';
import { Random } from '../support/random.js';
import { openTwoProducts } from '../support/twoProducts.js';

const MANY_RUNS = 1000;

export interface GpuRequest {
  readonly forms: KernelForms;
  readonly runs: number;
  /** Default: all, and then what else there is to know of a device. */
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

async function deepProducts(device: GpuDevice, oracle: Device): Promise<string[]> {
  const failures: string[] = [];
  for (const depth of DEPTHS)
    try {
      assertClose(await deepProduct(device, depth), await deepProduct(oracle, depth), 2e-6, `${depth} terms`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  return failures;
}

/** Runs that take memory, and a loss that is not told. */
async function lives(device: GpuDevice): Promise<string[]> {
  const failures: string[] = [];
  const { executable } = await openTwoProducts(device);
  await executable.run();
  const before = device.memoryInUse;
  for (let i = 0; i < MANY_RUNS; i++) await executable.run();
  if (device.memoryInUse !== before)
    failures.push(`${MANY_RUNS} runs took ${device.memoryInUse - before} bytes`);
  device.device.destroy();
  const loss = await (async () => {
    for (;;) await executable.run();
  })().catch((error: Error) => error.message);
  if (!/^the gpu device was lost \(.*\); open it again$/.test(loss)) failures.push(loss);
  return failures;
}

async function conform({ forms, runs, ops: some }: GpuRequest): Promise<GpuResult> {
  const adapter = await findAdapter();
  if (typeof adapter === 'string') return { adapter, cases: 0, failures: [] };
  const ops = some ?? OP_NAMES;
  const device = await openGpuDevice(adapter, forms);
  const oracle = await referenceBackend.open();
  const failures: string[] = [];
  const check = async (testCase: ConformanceCase, what: string) => {
    try {
      compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`);
    }
  };
  for (const op of ops)
    for (let seed = 1; seed <= runs; seed++) {
      const testCase = CASES[op](new Random(seed));
      await check(testCase, `${op}, seed ${seed}`);
    }
  for (const testCase of forms.fused.length > 0 ? highRankCases() : []) await check(testCase, 'high ranks');
  if (!some) failures.push(...(await deepProducts(device, oracle)), ...(await lives(device)));
  await device.dispose();
  return { adapter: describeAdapter(adapter), cases: ops.length * runs, failures };
}
