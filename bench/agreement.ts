/** Nobody is timed before the output is right. */
import { relativeL2 } from '../src/evaluate/metrics/relativeL2.js';

/** Something that computes, in full or as what `replaces` a full one. */
interface Computing {
  readonly name: string;
  readonly threads: number;
  readonly replaces?: string | undefined;
  /** The largest relative L2 error of its output that its arithmetic explains. */
  readonly tolerance: number;
}

/**
 * How far each output is from that of the first contender of its kind: full, or with the same name for what replaces it.
 * Throws when that is more than the contender's arithmetic explains.
 */
export function differences(contenders: readonly Computing[], outputs: readonly Float32Array[]): number[] {
  return contenders.map((contender, i) => {
    const { name, threads, tolerance } = contender;
    const first = contenders.findIndex((other) => kindOf(other) === kindOf(contender));
    const error = relativeL2(outputs[i]!, outputs[first]!);
    if (error <= tolerance) return error;
    throw new Error(
      `${name} (threads: ${threads}) is ${error} from ${contenders[first]!.name} in relative L2; expected at most ${tolerance}`,
    );
  });
}

/** What its name says beyond that of the full one. */
function kindOf({ name, replaces }: Computing): string {
  return replaces === undefined ? '' : name.slice(replaces.length);
}
