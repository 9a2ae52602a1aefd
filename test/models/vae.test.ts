/** The decoder's plan: where it narrows, a convolution goes band by band, which saves memory and changes no bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { BoundPlan } from '../../src/engine/boundPlan.js';
import { decoderPlan } from '../../src/models/vae/graph.js';
import { parseVaeConfig } from '../../src/models/vae/readConfig.js';
import { layoutTemporaries } from '../../src/plan/layout.js';
import { mapViews } from '../../src/plan/operands.js';
import type { ConvolutionOp, Op, Plan, PlanBuffer, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import { Random } from '../support/random.js';

const configOf = (channels: readonly number[], groups: number) =>
  parseVaeConfig(
    {
      _class_name: 'AutoencoderKL',
      block_out_channels: channels,
      layers_per_block: 1,
      norm_num_groups: groups,
    },
    'config',
  );

/** A plan in which what goes band by band goes at once, into a buffer of its own. */
function atOnce(plan: Plan): { readonly plan: Plan; readonly bands: number } {
  const buffers: PlanBuffer[] = [...plan.buffers];
  const ops: Op[] = [];
  let bands = 0;
  const moved = new Map<string, number>();
  const home = (view: View): View => {
    const buffer = moved.get(`${view.buffer} ${view.columns}`);
    return buffer === undefined ? view : { ...view, buffer, row: 0 };
  };
  const isBand = (op: Op): op is ConvolutionOp => op.op === 'convolution' && op.x.buffer === op.out.buffer;
  for (const { op } of plan.ops) {
    if (!isBand(op)) {
      ops.push(mapViews(op, home) as Op);
      continue;
    }
    bands++;
    const last = ops.at(-1);
    if (last?.op === 'convolution' && last.weight.buffer === op.weight.buffer) {
      const end = op.x.row + op.x.rows;
      const x = { ...last.x, rows: end - last.x.row };
      const out = { ...last.out, rows: x.rows };
      buffers[out.buffer] = { ...buffers[out.buffer]!, rows: x.rows };
      ops[ops.length - 1] = { ...last, x, out, height: x.rows / op.width, padBottom: op.padBottom };
      continue;
    }
    const { rows, columns } = op.out;
    moved.set(`${op.out.buffer} ${columns}`, buffers.length);
    const out = { buffer: buffers.length, row: 0, rows, column: 0, columns };
    buffers.push({ name: `whole ${ops.length}`, role: 'temporary', type: 'f32', rows, columns });
    ops.push({ ...op, out });
  }
  const whole = { ...plan, buffers, ops: ops.map((op) => ({ layer: '', op })) };
  validatePlan(whole);
  return { plan: whole, bands };
}

for (const { name, available } of backends())
  test(`bands on ${name}`, { skip: !available }, async () => {
    const config = configOf([8, 16, 32], 4);
    const device = await openDevice(name, { threads: 2 });
    for (const [height, width] of [
      [1, 1],
      [3, 5],
      [9, 2],
      [17, 3],
    ] as const) {
      const plan = decoderPlan(config, { height, width });
      const whole = atOnce(plan);
      assert.ok(whole.bands > 2, `${whole.bands} bands`);
      const latents = new Random(height).normals(4 * height * width, 1);
      const images = [];
      for (const each of [plan, whole.plan]) {
        const random = new Random(1);
        const values = new Map(
          plan.buffers
            .filter(({ role }) => role === 'weight')
            .map(({ name, rows, columns }) => [name, random.normals(rows * columns, 1 / Math.sqrt(columns))]),
        );
        const weights = device.loadWeights({ read: (name) => values.get(name)! });
        const bound = await BoundPlan.compile(device, weights, each);
        images.push(await bound.run({ latents }, 'image'));
        bound.dispose();
        weights.dispose();
      }
      assert.deepEqual(images[0], images[1], `${height} x ${width}`);
    }
    await device.dispose();
  });

test("Stable Diffusion's decoder needs little more than three of its largest features", () => {
  const plan = decoderPlan(configOf([128, 256, 512, 512], 32), { height: 32, width: 32 });
  assert.ok(layoutTemporaries(plan).arenaBytes < 3.2 * 4 * 128 * 256 ** 2);
});
