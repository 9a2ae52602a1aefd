/** From the lines that the programs of this benchmark print to one result. */

import { FormatError } from '../../src/errors.js';
import { median } from '../../src/median.js';
import { floorOf, ratesOf } from './floors.js';
import { type CudaCase, type CudaRow, caseKey } from './row.js';

export interface CudaResult {
  /** As its driver calls it. */
  readonly device: string;
  readonly nvcc?: string | undefined;
  readonly torch?: string | undefined;
  /** A second, read and written, of a copy within the device. */
  readonly copyGigabytes?: number | undefined;
  readonly rows: readonly CudaRow[];
}

type Line = Partial<CudaRow> & Partial<Omit<CudaResult, 'rows'>>;

/** Lines of JSON; rows of one case and contender are rounds of it. Throws a `FormatError` with the number of a line that is none. */
export function collect(text: string): CudaResult {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() ? [parsed(line, i + 1)] : []));
  const facts: Line = Object.assign({}, ...lines.filter(({ level }) => level === undefined));
  const { device, nvcc, torch, copyGigabytes } = facts;
  if (device === undefined) throw new FormatError('no line names the device');
  const rates = ratesOf(device);
  const rounds = new Map<string, Line[]>();
  for (const line of lines.filter(({ level }) => level !== undefined)) {
    const key = `${caseKey(line as CudaCase)} ${line.contender}`;
    rounds.set(key, [...(rounds.get(key) ?? []), line]);
  }
  const rows = [...rounds.values()].map((of): CudaRow => {
    const { milliseconds: _, ...row } = of[0] as CudaRow;
    const times = of.map(({ milliseconds }) => milliseconds!);
    return {
      ...row,
      milliseconds: median(times),
      rounds: times,
      floorMilliseconds: rates && floorOf(row, rates),
    };
  });
  return { device, nvcc, torch, copyGigabytes, rows };
}

function parsed(line: string, number: number): Line {
  try {
    return JSON.parse(line) as Line;
  } catch (error) {
    throw new FormatError(`line ${number}: ${(error as Error).message}`);
  }
}
