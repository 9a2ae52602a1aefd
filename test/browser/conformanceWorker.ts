/** The conformance suite in a worker of a page: answers a number of threads, and of cases for each operation, with what failed. */
import { referenceBackend } from '../../src/backend/reference/index.js';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import type { OpName } from '../../src/plan/types.js';
import type { MessageScope } from '../../src/platform/types.js';
import { CASES } from '../conformance/cases.js';
import { compare } from '../conformance/compare.js';
import { runCase } from '../conformance/run.js';
import { Random } from '../support/random.js';

interface ConformanceRequest {
  readonly threads: number;
  readonly runs: number;
}

export interface ConformanceResult {
  readonly threads: number;
  readonly cases: number;
  readonly failures: readonly string[];
}

const scope = globalThis as unknown as MessageScope;
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage(await conform(data as ConformanceRequest));
  } catch (error) {
    scope.postMessage({ threads: 0, cases: 0, failures: [String(error)] });
  }
};

async function conform({ threads, runs }: ConformanceRequest): Promise<ConformanceResult> {
  const device = await openWasmDevice({ threads });
  const oracle = await referenceBackend.open();
  const failures: string[] = [];
  let cases = 0;
  for (const [op, make] of Object.entries(CASES) as [OpName, (typeof CASES)[OpName]][])
    for (let seed = 1; seed <= runs; seed++, cases++) {
      const testCase = make(new Random(seed));
      try {
        compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
      } catch (error) {
        failures.push(`${op}, seed ${seed}: ${(error as Error).message}`);
      }
    }
  const result = { threads: device.threads, cases, failures };
  await device.dispose();
  return result;
}
