/** Every reader of files in TypeScript, with small files that it takes, to be damaged. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ErrorTable } from '../../src/cache/data/errorTable.js';
import { FactorSet, type FactorSetInfo, type LayerFactors } from '../../src/cache/data/factorSet.js';
import { loadRouterTable } from '../../src/cache/data/routerTable.js';
import { scheduleLayers } from '../../src/cache/schedule.js';
import { loadCalibrationImages } from '../../src/calibrate/images.js';
import { cacheOptions } from '../../src/cli/cacheFlags.js';
import { samplerOfScheduler, schedulerTable } from '../../src/diffusion/scheduler.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { readStatistics } from '../../src/evaluate/metrics/statisticsFile.js';
import { readHeader } from '../../src/export/readHeader.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { parsePlan, serializePlan } from '../../src/plan/file.js';
import { readJsonObject } from '../../src/weights/jsonFile.js';
import { NpzFile, writeNpz } from '../../src/weights/npz.js';
import { openTensors } from '../../src/weights/openTensors.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import type { TensorSource } from '../../src/weights/tensorSource.js';
import { Random } from '../support/random.js';
import { TINY, writeTinyModel } from '../support/tinyModel.js';

const DATA = fileURLToPath(new URL('../../../test/data', import.meta.url));

export interface Reader {
  readonly name: string;
  /** Of its files; some readers go by it. */
  readonly extension: string;
  /** What may be changed as a tree, beside bytes. */
  readonly structure?: 'json' | 'header';
  /** Files that are taken, written into `folder`. */
  readonly samples: (folder: string) => string[];
  /** Takes the file, with everything in it, or throws. */
  readonly read: (path: string) => unknown;
}

const SMALL = { ...TINY, depth: 1, hiddenSize: 8, mlpSize: 8, inputSize: 4 };
const INFO: FactorSetInfo = {
  method: 'svd',
  modelHash: '0'.repeat(64),
  source: 'none',
  seed: 0,
  images: 0,
  sampler: 'none',
  steps: 0,
  createdBy: 'incache 0.1.0',
};

/** The fields that diffusers writes for all of them. */
const SCHEDULER = {
  _diffusers_version: '0.30.0',
  num_train_timesteps: 100,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
  prediction_type: 'epsilon',
  timestep_spacing: 'leading',
  steps_offset: 0,
};

export const READERS: readonly Reader[] = [
  {
    name: 'safetensors',
    extension: 'safetensors',
    structure: 'header',
    samples: (folder) => [tensorsOfAllTypes(join(folder, 'types.safetensors'))],
    read: (path) => {
      using file = SafetensorsFile.open(path);
      readAll(file);
    },
  },
  {
    name: 'checkpoint',
    extension: 'safetensors',
    structure: 'header',
    samples: (folder) => [writeTinyModel(join(folder, 'model.safetensors'), { config: SMALL })],
    read: (path) => {
      using checkpoint = new DenoiserCheckpoint(path);
      return checkpoint.hash;
    },
  },
  {
    name: 'PyTorch checkpoint',
    extension: 'pt',
    samples: () => filesOf('fuzz/pytorch'),
    read: (path) => {
      using source = openTensors(path);
      readAll(source);
    },
  },
  {
    name: 'index of several files',
    extension: 'json',
    structure: 'json',
    samples: (folder) => {
      const shards = ['a', 'b'].map((name) => {
        const tensor = { name, dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } as const;
        writeSafetensors(join(folder, `${name}.safetensors`), [tensor]);
        return [name, `${name}.safetensors`] as const;
      });
      const path = join(folder, 'model.safetensors.index.json');
      const index = { metadata: { total_size: 16 }, weight_map: Object.fromEntries(shards) };
      writeFileSync(path, JSON.stringify(index));
      return [path];
    },
    read: (path) => {
      using source = openTensors(path);
      readAll(source);
    },
  },
  {
    name: 'model file',
    extension: 'incache',
    structure: 'header',
    samples: () => [join(DATA, 'tiny.incache'), join(DATA, 'fuzz/model/decoder')],
    read: (path) => {
      using file = SafetensorsFile.open(path);
      readHeader(file);
      readAll(file);
    },
  },
  {
    name: 'factors',
    extension: 'safetensors',
    structure: 'header',
    samples: (folder) => {
      const path = join(folder, 'factors.safetensors');
      const layer: LayerFactors = {
        rank: 2,
        rows: 3,
        columns: 4,
        up: new Float32Array(6).fill(1),
        down: new Float32Array(8).fill(2),
      };
      new FactorSet(INFO, new Map([...'abc'].map((name) => [name, layer]))).save(path);
      return [path];
    },
    read: (path) => FactorSet.load(path).hash,
  },
  {
    name: 'error table',
    extension: 'safetensors',
    structure: 'header',
    samples: (folder) => {
      const path = join(folder, 'errors.safetensors');
      const [steps, gaps, sublayers] = [4, 2, 2];
      const info = { ...INFO, steps, gaps, sublayers, images: 1, guidanceScale: 1.5 };
      const reuse = {
        steps: new Float64Array(steps * gaps),
        sublayers: new Float64Array(steps * gaps * sublayers),
      };
      new ErrorTable(info, { reuse }).save(path);
      return [path];
    },
    read: (path) => ErrorTable.load(path).kinds,
  },
  {
    name: 'router table',
    extension: 'safetensors',
    structure: 'header',
    samples: () => [join(DATA, 'policies/l2c-router-ddim50.safetensors')],
    read: loadRouterTable,
  },
  {
    name: 'calibration images',
    extension: 'safetensors',
    structure: 'header',
    samples: (folder) => {
      const path = join(folder, 'images.safetensors');
      writeSafetensors(path, [
        { name: 'images', dtype: 'U8', shape: [2, 1, 4, 4], data: new Uint8Array(32) },
        { name: 'labels', dtype: 'I64', shape: [2], data: new BigInt64Array(2) },
      ]);
      return [path];
    },
    read: (path) => loadCalibrationImages(path, ditNetwork(SMALL)),
  },
  {
    name: 'npz',
    extension: 'npz',
    samples: (folder) => [arrays(join(folder, 'arrays.npz'))],
    read: (path) => {
      using file = NpzFile.open(path);
      for (const name of file.names) {
        file.header(name);
        file.readFloat32(name);
        for (const _ of file.rows(name, 1));
      }
    },
  },
  {
    name: 'images as npz',
    extension: 'npz',
    samples: (folder) => [arrays(join(folder, 'images.npz'))],
    read: (path) => loadCalibrationImages(path, ditNetwork(SMALL)),
  },
  {
    name: 'statistics',
    extension: 'npz',
    samples: (folder) => {
      const path = join(folder, 'statistics.npz');
      writeNpz(path, {
        mu: { shape: [2], data: new Float64Array(2) },
        sigma: { shape: [2, 2], data: Float64Array.of(1, 0, 0, 1) },
      });
      return [path];
    },
    read: readStatistics,
  },
  {
    name: 'plan',
    extension: 'json',
    structure: 'json',
    // Those that fuzzing has kept, as far as they are plans.
    samples: (folder) =>
      filesOf('fuzz/plan')
        .filter((path) => isTaken(() => parsePlan(readFileSync(path, 'utf8'))))
        .map((path, i) => copied(path, join(folder, `plan-${i}.json`))),
    read: (path) => {
      const text = serializePlan(parsePlan(readFileSync(path, 'utf8')));
      if (serializePlan(parsePlan(text)) !== text) throw new Error('a plan that is written is another');
    },
  },
  {
    name: 'scheduler',
    extension: 'json',
    structure: 'json',
    samples: (folder) =>
      ['DDIMScheduler', 'DDPMScheduler', 'DPMSolverMultistepScheduler', 'EulerDiscreteScheduler'].map(
        (_class_name) => {
          const path = join(folder, `${_class_name}.json`);
          writeFileSync(path, JSON.stringify({ ...SCHEDULER, _class_name }));
          return path;
        },
      ),
    read: (path) => {
      const config = readJsonObject(path);
      const request = { steps: 5, eta: 0, predictsVariance: false };
      return schedulerTable(config, samplerOfScheduler(config), request);
    },
  },
  {
    name: 'schedule',
    extension: 'json',
    structure: 'json',
    samples: (folder) => {
      const path = join(folder, 'schedule.json');
      const layers = scheduleLayers(ditNetwork(SMALL), 'sublayer');
      const rows = (first: number, second: number) => [first, second].map((value) => layers.map(() => value));
      writeFileSync(path, JSON.stringify({ layers, G: rows(1, 0), S: rows(0, 1) }));
      return [path];
    },
    read: (path) => cacheOptions({ policy: 'reuse', cacheForm: 'input', schedule: path }),
  },
];

/** One of each type, and one without elements. */
function tensorsOfAllTypes(path: string): string {
  const random = new Random(1);
  const types = ['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8', 'U8', 'BOOL'] as const;
  const widths = [8, 4, 2, 2, 8, 4, 2, 1, 1, 1];
  const tensors = types.map((dtype, i) => {
    const data = Uint8Array.from({ length: 6 * widths[i]! }, () => random.integer(0, 1));
    return { name: dtype.toLowerCase(), dtype, shape: [2, 3], data };
  });
  const empty = { name: 'empty', dtype: 'F32', shape: [0, 5], data: new Float32Array() } as const;
  writeSafetensors(path, [...tensors, empty], { config: '{"num_heads":2,"list":[1,2]}', note: 'text' });
  return path;
}

function arrays(path: string): string {
  writeNpz(path, {
    images: { shape: [2, 1, 4, 4], data: Uint8Array.from({ length: 32 }, (_, i) => i) },
    labels: { shape: [2], data: BigInt64Array.of(1n, 0n) },
    others: { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  });
  return path;
}

function readAll(source: TensorSource): void {
  for (const name of source.names) {
    source.bytes(name);
    source.read(name);
  }
}

const filesOf = (folder: string): string[] =>
  readdirSync(join(DATA, folder)).map((name) => join(DATA, folder, name));

function copied(from: string, to: string): string {
  writeFileSync(to, readFileSync(from));
  return to;
}

function isTaken(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
