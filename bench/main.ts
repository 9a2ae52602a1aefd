/**
 * Times the kernels that carry the cost and prints a table. `npm run bench [-- name]` runs those whose name
 * starts with `name`. Rates are held against a loop of multiply-adds timed in the same rounds.
 */
import { setFlagsFromString } from 'node:v8';
import type { DeviceTensor, Executable } from '../src/backend/backend.js';
import type { Plan } from '../src/plan/types.js';
import { type Build, openBuilds } from './builds.js';
import { attention } from './kernels/attention.js';
import { calibratedLinear } from './kernels/calibratedLinear.js';
import type { KernelCase } from './kernels/case.js';
import { linear } from './kernels/linear.js';
import { type Contender, interleave, median, medianRatio, type Times } from './measure.js';
import { onnxProduct } from './onnx.js';
import { markdown, type Row, save } from './results.js';

const ROUNDS = 31;
const WARM_UP = 12;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

/** A case on one build, with the plan it replaces where there is one. */
interface Entry {
  readonly build: Build;
  readonly contender: Contender;
  readonly replaced?: Contender | undefined;
}

const builds = await openBuilds();
const wanted = process.argv[2] ?? '';
const rows: Row[] = [];
for (const kernelCase of [...linear(), ...calibratedLinear(), ...attention()]) {
  if (!kernelCase.kernel.startsWith(wanted)) continue;
  process.stderr.write(`${kernelCase.kernel} ${kernelCase.shape}\n`);
  rows.push(...(await time(kernelCase)));
}
console.log(markdown(rows));
console.log(`\nwritten to ${save(rows)}`);
await Promise.all(builds.map(({ device }) => device.dispose()));

/** Times one case on every build that has a mode for it, between the loops and the rival. */
async function time(kernelCase: KernelCase): Promise<Row[]> {
  const { product, flops } = kernelCase;
  const entries = await Promise.all(
    builds.filter((build) => applies(build, kernelCase)).map((build) => enter(build, kernelCase)),
  );
  const loops = new Map(entries.map(({ build }) => [build.family, build.loop()]));
  const rival = product && (await onnxProduct(product, flops));
  const contenders = [
    ...loops.values(),
    ...(rival ? [rival] : []),
    ...entries.flatMap(({ contender, replaced }) => (replaced ? [contender, replaced] : [contender])),
  ];
  const all = await interleave(contenders, ROUNDS, WARM_UP);
  const times = (contender: Contender | undefined) =>
    contender ? all[contenders.indexOf(contender)] : undefined;
  const oneThread = (build: Build) =>
    entries.find(
      ({ build: { family, options } }) =>
        family === build.family && options.threads === 1 && options.weights !== 'int8',
    );
  const measured = entries.map(({ build, contender, replaced }) => {
    const first = oneThread(build);
    return row(kernelCase, contender, loops.get(build.family)!, times, {
      rival: times(rival),
      oneThread: first?.contender === contender ? undefined : times(first?.contender),
      replaced: times(replaced),
    });
  });
  return rival ? [...measured, row(kernelCase, rival, loops.get('simd')!, times, {})] : measured;
}

/** Only linears have an int8 mode. */
function applies({ options }: Build, { kernel }: KernelCase): boolean {
  return options.weights === 'f32' || kernel === 'linear';
}

async function enter(build: Build, { plan, flops, replaces }: KernelCase): Promise<Entry> {
  const contender = { name: build.name, flops, run: await runner(build, plan) };
  if (!replaces) return { build, contender };
  const run = await runner(build, replaces.plan);
  return { build, contender, replaced: { name: 'linear', flops: 0, run } };
}

/** Compiles a plan on random values. */
async function runner({ device }: Build, plan: Plan): Promise<() => Promise<void>> {
  const values = (count: number) => Float32Array.from({ length: count }, () => Math.random() - 0.5);
  const sizes = new Map(plan.buffers.map(({ name, rows, columns }) => [name, rows * columns]));
  const weights = device.loadWeights({ read: (name) => values(sizes.get(name)!) });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, rows, columns } of plan.buffers) {
    if (role === 'weight') continue;
    const tensor = device.allocate(rows, columns);
    tensor.write(values(rows * columns));
    tensors.set(name, tensor);
  }
  const executable: Executable = await device.compile(plan, { weights, tensors });
  return () => executable.run();
}

interface Others {
  readonly rival?: Times | undefined;
  readonly oneThread?: Times | undefined;
  readonly replaced?: Times | undefined;
}

function row(
  { kernel, shape, replaces }: KernelCase,
  contender: Contender,
  loop: Contender,
  times: (contender: Contender) => Times | undefined,
  { rival, oneThread, replaced }: Others,
): Row {
  const [own, loopTimes] = [times(contender)!, times(loop)!];
  const milliseconds = median(own);
  return {
    kernel,
    shape,
    contender: contender.name,
    milliseconds,
    gflops: contender.flops / milliseconds / 1e6,
    loopGflops: loop.flops / median(loopTimes) / 1e6,
    ofLoop: medianRatio(loopTimes, own) * (contender.flops / loop.flops),
    overOnnx: rival && medianRatio(rival, own),
    overOneThread: oneThread && medianRatio(oneThread, own),
    timeShare: replaced && medianRatio(own, replaced),
    macShare: replaces?.share,
  };
}
