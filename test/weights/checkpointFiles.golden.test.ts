/** PyTorch files: honest ones hold what a safetensors file beside them holds, hostile and damaged ones are refused. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, describe, test } from 'node:test';
import { IncacheError } from '../../src/errors.js';
import { openTensors } from '../../src/weights/openTensors.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import type { TensorSource } from '../../src/weights/tensorSource.js';
import { checkpointFacts } from '../support/checkpoints.js';
import { goldenFolder, requireKind } from '../support/golden.js';

const facts = checkpointFacts();
const files = [...facts.keys()].filter(
  (name) => /\/meta-[^/]+\/.*\.pt$/.test(name) && existsSync(`${goldenFolder()}/${name}`),
);
requireKind('PyTorch files', files);

/** Files that appear when a pickle was executed or a path in a zip followed. */
const markers = [...facts.values()].flatMap(({ what = '' }) => what.match(/\/tmp\/[\w-]+/g) ?? []);
for (const marker of markers) rmSync(marker, { force: true });

describe('PyTorch files', () => {
  for (const file of files) {
    const { reader = 'load' } = facts.get(file)!;
    const path = `${goldenFolder()}/${file}`;
    if (!/load|swap/.test(reader)) test(`${file} is refused in a sentence`, () => assertRefused(path));
    else
      test(`${file} holds what a file beside it holds`, () => {
        if (/reject/.test(reader) && isRefused(path)) assertRefused(path);
        else assertOneOfFolder(path);
      });
  }

  for (const file of files.filter((name) => existsSync(`${goldenFolder()}/${emaOf(name)}`)))
    test(`${file}: averaged weights unless others are asked for`, () => {
      const path = `${goldenFolder()}/${file}`;
      using ema = openTensors(path);
      assert.match(ema.notes.join(), /'ema'.*'model'/);
      assertEqual(ema, `${goldenFolder()}/${emaOf(file)}`);
      using model = openTensors(path, { weightsKey: 'model' });
      assert.deepEqual(model.notes, []);
      assertEqual(model, `${goldenFolder()}/${emaOf(file).replace('.ema.', '.model.')}`);
      assert.throws(
        () => openTensors(path, { weightsKey: 'opt' }),
        /weightsKey is 'opt'; expected one of .*ema/,
      );
    });

  after(() => {
    for (const marker of markers) assert.ok(!existsSync(marker), `${marker} is there: a pickle was executed`);
  });
});

function emaOf(file: string): string {
  return file.replace(/\.pt$/, '.ema.safetensors');
}

function readAll(path: string): void {
  using source = openTensors(path);
  for (const name of source.names) {
    source.bytes(name);
    source.read(name);
  }
}

function isRefused(path: string): boolean {
  try {
    readAll(path);
    return false;
  } catch {
    return true;
  }
}

function assertRefused(path: string): void {
  assert.throws(
    () => readAll(path),
    (error: Error) => {
      assert.ok(error instanceof IncacheError, error.stack);
      assert.ok(error.message.includes(path) && !error.message.includes('\n'), error.message);
      return true;
    },
  );
}

/** Some safetensors file of the folder has the same bytes under the same names. */
function assertOneOfFolder(path: string): void {
  using source = openTensors(path);
  const folder = dirname(path);
  const candidates = readdirSync(folder).filter((name) => /^(?!.*forward).*\.safetensors$/.test(name));
  const matching = candidates.filter((name) => {
    try {
      assertEqual(source, `${folder}/${name}`);
      return true;
    } catch {
      return false;
    }
  });
  assert.ok(matching.length > 0, `none of ${candidates} has its tensors ${source.names.slice(0, 3)}`);
}

/** All tensors of `source` are in the file, byte for byte; the file may have more. */
function assertEqual(source: TensorSource, path: string): void {
  using expected = SafetensorsFile.open(path);
  assert.ok(source.names.length > 0);
  for (const name of source.names) {
    const { dtype, shape } = source.entry(name);
    assert.deepEqual([dtype, shape], [expected.entry(name).dtype, expected.entry(name).shape], name);
    assert.ok(Buffer.from(source.bytes(name)).equals(expected.bytes(name)), `${name} differs`);
    assert.ok(Buffer.from(source.read(name).buffer).equals(Buffer.from(expected.read(name).buffer)), name);
  }
}
