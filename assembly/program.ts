/**
 * Runs a program: a list of operations, each cut into tiles of work that threads take from a counter, with
 * a barrier between one operation and the next. A tile is computed by one thread from start to end, so that
 * the result is the same bits whatever the number of threads.
 *
 *     operation   [code][tiles][address of the arguments], 16 bytes apart
 */
import { AddArguments, add } from './add';
import { AttentionArguments, attention } from './attention';
import { arriveLast, currentPhase, isAbandoned, release, SPINS, waitPhase } from './barrier';
import { CalibratedLinearArguments, calibratedLinear } from './calibratedLinear';
import { CalibratedMlpArguments, calibratedMlp } from './calibratedMlp';
import { ChannelStatisticsArguments, channelStatistics } from './channelStatistics';
import { EPOCH, JOINED, OPERATIONS, PAGES, PROGRAM, SCRATCH, SCRATCH_STRIDE, TILE } from './control';
import { ConvolutionArguments, convolution } from './convolution';
import { ElementwiseArguments } from './elementwise';
import { enterOperation, hasFailed } from './failure';
import { GateResidualArguments, gateResidual } from './gateResidual';
import { GatherRowsArguments, gatherRows } from './gatherRows';
import { gelu } from './gelu';
import { seeGrowth, wait } from './host';
import { LayerNormModulateArguments, layerNormModulate } from './layerNormModulate';
import { LinearArguments, linear } from './linear';
import { LinearCombinationArguments, linearCombination } from './linearCombination';
import { LinearInt8Arguments, linearInt8 } from './linearInt8';
import { NormArguments, norm } from './norm';
import { PatchArguments, patchify } from './patchify';
import { RelativeDistanceArguments, relativeDistance } from './relativeDistance';
import { forgetPacked } from './scratch';
import { SecondMomentArguments, secondMoment } from './secondMoment';
import { silu } from './silu';
import { TimestepEmbeddingArguments, timestepEmbedding } from './timestepEmbedding';
import { unpatchify } from './unpatchify';

const OPERATION_BYTES: usize = 16;

@unmanaged
class Operation {
  code: i32;
  tiles: i32;
  arguments: usize;
}

/** What `run` and `resume` return. */
export const DONE: i32 = 0;
/** A thread has not come to the barrier for a while: the host looks after it and calls `resume`. */
export const WAITING: i32 = 1;

/** Where this thread is in the program. */
let operationIndex: i32 = 0;
let awaitedPhase: i32 = 0;
let threads: i32 = 1;

/** The host's part of a run, as thread 0 of `threadCount`. Returns DONE or WAITING. */
export function run(threadCount: i32): i32 {
  threads = threadCount;
  operationIndex = 0;
  return proceed(0);
}

/** Goes on with a run that returned WAITING. */
export function resume(): i32 {
  if (ASC_FEATURE_THREADS) {
    if (!waitPhase(awaitedPhase, true)) return WAITING;
    operationIndex++;
  }
  return proceed(0);
}

/** The life of a worker: joins, then takes part in every run that counts it in. Never returns. */
export function work(): void {
  if (ASC_FEATURE_THREADS) {
    let seen = atomic.load<i32>(EPOCH);
    const thread = atomic.add<i32>(JOINED, 1) + 1;
    while (true) {
      seen = nextEpoch(seen);
      threads = seen & 0xff;
      if (thread >= threads) continue;
      if (memory.size() < load<i32>(PAGES)) seeGrowth();
      operationIndex = 0;
      proceed(thread);
    }
  }
}

/** Waits until the epoch is another one: awake for some microseconds, then asleep. */
function nextEpoch(seen: i32): i32 {
  for (let i = 0; i < SPINS; i++) {
    const epoch = atomic.load<i32>(EPOCH);
    if (epoch != seen) return epoch;
  }
  while (true) {
    wait(EPOCH, seen, Infinity);
    const epoch = atomic.load<i32>(EPOCH);
    if (epoch != seen) return epoch;
  }
}

/** Runs operations from `operationIndex` on. */
function proceed(thread: i32): i32 {
  const count = load<i32>(OPERATIONS);
  const scratch = load<usize>(SCRATCH) + <usize>thread * load<usize>(SCRATCH_STRIDE);
  while (operationIndex < count) {
    enterOperation(operationIndex);
    if (hasFailed()) return DONE;
    const operation = changetype<Operation>(load<usize>(PROGRAM) + <usize>operationIndex * OPERATION_BYTES);
    forgetPacked();
    takeTiles(operation, scratch);
    if (!synchronize(thread)) return WAITING;
    operationIndex++;
  }
  return DONE;
}

/** Tiles of an operation until none is left. */
function takeTiles(operation: Operation, scratch: usize): void {
  const code = operation.code;
  const tiles = operation.tiles;
  const a = operation.arguments;
  for (;;) {
    const tile = nextTile();
    if (tile >= tiles) return;
    runTile(code, a, tile, scratch);
  }
}

function nextTile(): i32 {
  if (ASC_FEATURE_THREADS) return atomic.add<i32>(TILE, 1);
  const tile = load<i32>(TILE);
  store<i32>(TILE, tile + 1);
  return tile;
}

/** The last thread to arrive resets the counter of tiles. False when the host has waited too long. */
function synchronize(thread: i32): bool {
  if (ASC_FEATURE_THREADS) {
    awaitedPhase = currentPhase();
    if (!arriveLast(threads)) {
      const arrived = waitPhase(awaitedPhase, thread == 0);
      return arrived && !isAbandoned();
    }
    store<i32>(TILE, 0);
    release();
  } else store<i32>(TILE, 0);
  return true;
}

/** The numbers are those of `src/backend/wasm/operation.ts`. */
function runTile(code: i32, a: usize, tile: i32, scratch: usize): void {
  switch (code) {
    case 0:
      return linear(changetype<LinearArguments>(a), tile, scratch);
    case 1:
      return linearInt8(changetype<LinearInt8Arguments>(a), tile, scratch);
    case 2:
      return calibratedLinear(changetype<CalibratedLinearArguments>(a), tile, scratch);
    case 3:
      return calibratedMlp(changetype<CalibratedMlpArguments>(a), tile, scratch);
    case 4:
      return attention(changetype<AttentionArguments>(a), tile, scratch);
    case 5:
      return layerNormModulate(changetype<LayerNormModulateArguments>(a), tile);
    case 6:
      return patchify(changetype<PatchArguments>(a), tile);
    case 7:
      return unpatchify(changetype<PatchArguments>(a), tile);
    case 8:
      return timestepEmbedding(changetype<TimestepEmbeddingArguments>(a), tile);
    case 9:
      return gatherRows(changetype<GatherRowsArguments>(a), tile);
    case 10:
      return add(changetype<AddArguments>(a), tile);
    case 11:
      return silu(changetype<ElementwiseArguments>(a), tile);
    case 12:
      return gelu(changetype<ElementwiseArguments>(a), tile);
    case 13:
      return gateResidual(changetype<GateResidualArguments>(a), tile);
    case 14:
      return channelStatistics(changetype<ChannelStatisticsArguments>(a), tile);
    case 15:
      return secondMoment(changetype<SecondMomentArguments>(a), tile, scratch);
    case 16:
      return linearCombination(changetype<LinearCombinationArguments>(a), tile);
    case 17:
      return relativeDistance(changetype<RelativeDistanceArguments>(a));
    case 18:
      return convolution(changetype<ConvolutionArguments>(a), tile, scratch);
    case 19:
      return norm(changetype<NormArguments>(a), tile, scratch);
    default:
      unreachable();
  }
}
