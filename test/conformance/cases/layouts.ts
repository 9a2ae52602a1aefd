/** Cases of what brings data into and out of a network: patches, embeddings and tables. */
import type { Random } from '../../support/random.js';
import { CaseBuilder, type CaseMaker } from './builder.js';

function patches(random: Random) {
  const patch = random.integer(1, 4);
  const geometry = {
    channels: random.integer(1, 5),
    height: patch * random.integer(1, 5),
    width: patch * random.integer(1, 5),
    patch,
  };
  const images = random.integer(1, 3);
  const tokens = (images * geometry.height * geometry.width) / patch ** 2;
  return { geometry, images, tokens };
}

export const patchify: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { geometry, images, tokens } = patches(random);
  const { channels, height, width, patch } = geometry;
  const x = b.state(images, channels * height * width);
  return b.finish({ op: 'patchify', x, ...geometry, out: b.poisoned(tokens, channels * patch * patch) }, 0);
};

export const unpatchify: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const { geometry, images, tokens } = patches(random);
  const { channels, height, width, patch } = geometry;
  const x = b.state(tokens, channels * patch * patch);
  return b.finish(
    { op: 'unpatchify', x, ...geometry, out: b.poisoned(images, channels * height * width) },
    0,
  );
};

export const timestepEmbedding: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const rows = random.integer(1, 9);
  const out = b.poisoned(rows, 2 * random.integer(1, 140));
  return b.finish({ op: 'timestepEmbedding', x: b.state(rows, 1, 500), maxPeriod: 10000, out }, 1e-6);
};

export const gatherRows: CaseMaker = (random) => {
  const b = new CaseBuilder(random);
  const [tableRows, rows, columns] = [random.integer(1, 20), random.integer(1, 20), random.integer(1, 90)];
  const table = random.uniform() < 0.5 ? b.state(tableRows, columns) : b.weight(tableRows, columns);
  const index = b.integers(rows, 0, tableRows - 1);
  return b.finish({ op: 'gatherRows', table, index, out: b.poisoned(rows, columns) }, 0);
};
