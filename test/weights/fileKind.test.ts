/** What files are called that are no checkpoints, and damaged ones that nearly are. */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zipSync } from 'fflate';
import { FormatError, IncacheError } from '../../src/errors.js';
import { openTensors } from '../../src/weights/openTensors.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const path = join(folder, 'model.safetensors');
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** First bytes of a file, and what it is called. */
const FOREIGN: readonly (readonly [name: string, bytes: Uint8Array, says: RegExp])[] = [
  [
    'foreign-files: a pointer of Git LFS',
    latin1(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 2701024768\n`),
    /is a pointer of Git LFS: the file itself was not fetched; run git lfs pull$/,
  ],
  ['foreign-files: a page', latin1('<!DOCTYPE html><html><body>404</body></html>'), /is an HTML or XML page/],
  ['a page after spaces', latin1('\n  <html lang="en">'), /is an HTML or XML page/],
  ['GGUF', latin1('GGUF\x03\0\0\0'), /is a GGUF file, which is not read/],
  ['ONNX', latin1('\x08\x07\x12\x07pytorch\x1a\x052.1.0'), /is an ONNX model, which is not read/],
  ['HDF5', latin1('\x89HDF\r\n\x1a\n'), /is an HDF5 file/],
  ['a numpy array', latin1('\x93NUMPY\x01\0'), /is a numpy array/],
  ['a plain pickle', latin1('\x80\x04\x95\0\0\0\0\0\0\0\0}.'), /is a pickle that PyTorch has not written/],
  ['gzip', latin1('\x1f\x8b\x08\0'), /is a gzip archive; unpack it/],
  ['a picture', latin1('\x89PNG\r\n\x1a\n'), /is a picture/],
];

describe('files that people take for a model', () => {
  for (const [name, bytes, says] of FOREIGN)
    test(name, () => {
      writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(64)]));
      for (const open of [openTensors, SafetensorsFile.open])
        assert.throws(
          () => open(path),
          (error: Error) => error instanceof FormatError && says.test(error.message),
        );
      writeFileSync(path, bytes);
      assert.throws(() => openTensors(path), says);
    });

  test('foreign-files: a PyTorch file where only safetensors will do', () => {
    writeFileSync(path, zipSync({ 'archive/data.pkl': latin1('\x80\x02}.') }));
    assert.throws(
      () => SafetensorsFile.open(path),
      /is a zip archive, as PyTorch and numpy write them; expected a safetensors file/,
    );
    assert.throws(() => openTensors(path), /holds an empty dictionary without tensors/);
  });

  test('foreign-files: an index without tensors, and JSON that is no index', () => {
    writeFileSync(path, '{"metadata": {}, "weight_map": {}}');
    assert.throws(() => openTensors(path), /is an index without tensors/);
    writeFileSync(path, '{\n  "_class_name": "DiTPipeline"\n}');
    assert.throws(() => openTensors(path), /is JSON, but no index of a model in several files/);
  });

  test('what is nothing known, or cut short, is a damaged safetensors file', () => {
    for (const bytes of ['', 'abc', 'some text that is longer than a header', '\x80\0\0\0\0\0\0\0{']) {
      writeFileSync(path, latin1(bytes));
      assert.throws(() => openTensors(path), /is not a valid safetensors file/);
    }
  });
});

describe('safetensors as other programs write them', () => {
  const withHeader = (header: unknown, data: number): void => {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const file = openSync(path, 'w');
    writeSync(file, Buffer.concat([length, text]));
    ftruncateSync(file, 8 + text.length + data);
    closeSync(file);
  };

  test('null-metadata: `__metadata__` that is null is none', () => {
    withHeader({ __metadata__: null, a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 4);
    using file = SafetensorsFile.open(path);
    assert.deepEqual(file.metadata, {});
    assert.deepEqual(file.names, ['a']);
  });

  test('a type without float values can be listed and copied, not read', () => {
    withHeader({ a: { dtype: 'C64', shape: [1], data_offsets: [0, 8] } }, 8);
    using file = SafetensorsFile.open(path);
    assert.equal(file.bytes('a').length, 8);
    assert.throws(() => file.read('a'), /type C64 cannot be read/);
  });

  test('a sparse table of 32 TiB is refused before memory is taken for it', () => {
    const bytes = 2 ** 45;
    const header = { table: { dtype: 'F32', shape: [bytes / 4], data_offsets: [0, bytes] } };
    try {
      withHeader(header, bytes);
    } catch {
      // A file system that has no such files: the reader is asked without one.
      return;
    }
    using file = SafetensorsFile.open(path);
    for (const read of [() => file.read('table'), () => file.bytes('table')])
      assert.throws(
        read,
        (error: Error) => error instanceof IncacheError && /'table' takes 32 TiB/.test(error.message),
      );
  });

  test('float8 widens to the values of its format', () => {
    const bytes = Uint8Array.of(0x00, 0x80, 0x01, 0x07, 0x08, 0x38, 0xb8, 0x7e, 0x7f);
    const tensors = (['F8_E4M3', 'F8_E5M2'] as const).map((dtype) => ({
      name: dtype,
      dtype,
      shape: [bytes.length],
      data: bytes,
    }));
    writeSafetensors(path, tensors);
    using file = SafetensorsFile.open(path);
    const e4m3 = [0, -0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, -1, 448, Number.NaN];
    assert.deepEqual([...file.read('F8_E4M3')], e4m3);
    const e5m2 = [0, -0, 2 ** -16, 1.75 * 2 ** -14, 2 ** -13, 0.5, -0.5, Number.NaN, Number.NaN];
    assert.deepEqual([...file.read('F8_E5M2')], e5m2);
    assert.deepEqual([...file.readFloat64('F8_E4M3')], e4m3);
  });
});
