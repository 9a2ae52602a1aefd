/** What a file is, by its first bytes and never by its name. */
import { FormatError } from '../errors.js';
import { equalBytes, latin1 } from './binary.js';
import { FileBytes } from './fileBytes.js';

/** The kinds that hold tensors or tell where they are. */
export type FileKind = 'safetensors' | 'torchZip' | 'torchLegacy' | 'index';

const HEAD_BYTES = 512;

/** How a PyTorch checkpoint of the older format begins: a pickle of the magic number 0x1950a86a20f9469cfc6c. */
const LEGACY_START = Uint8Array.of(
  ...[0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
);

interface Signature {
  readonly is: string;
  readonly remedy?: string;
  readonly matches: (head: Uint8Array) => boolean;
}

const startsWith = (text: string) => (head: Uint8Array) => latin1(head.subarray(0, text.length)) === text;

const matches = (pattern: RegExp) => (head: Uint8Array) => pattern.test(latin1(head));

/** What people take for a model. */
const FOREIGN: readonly Signature[] = [
  {
    is: 'a pointer of Git LFS: the file itself was not fetched',
    remedy: 'run git lfs pull',
    matches: startsWith('version https://git-lfs.github.com/spec/'),
  },
  {
    is: 'an HTML or XML page',
    remedy: 'download the file that the page is about',
    matches: matches(/^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)/i),
  },
  { is: 'a GGUF file, which is not read', matches: startsWith('GGUF') },
  { is: 'a GGML file, which is not read', matches: startsWith('lmgg') },
  { is: 'an ONNX model, which is not read', matches: isOnnx },
  { is: 'a numpy array', matches: startsWith('\x93NUMPY') },
  { is: 'an HDF5 file (Keras), which is not read', matches: startsWith('\x89HDF\r\n') },
  { is: 'a gzip archive', remedy: 'unpack it', matches: startsWith('\x1f\x8b') },
  { is: 'a 7z archive', remedy: 'unpack it', matches: startsWith('7z\xbc\xaf') },
  {
    is: 'a tar archive',
    remedy: 'unpack it',
    matches: (head) => latin1(head.subarray(257, 262)) === 'ustar',
  },
  { is: 'a picture', matches: matches(/^(?:\x89PNG|\xff\xd8\xff|GIF8)/) },
  {
    is: 'a pickle that PyTorch has not written',
    matches: (head) => head[0] === 0x80 && head[1]! <= 5,
  },
];

/**
 * Which kind the file is; whatever is nothing else is taken for safetensors, whose reader says what is wrong. Throws a
 * `FormatError` that says what the file is instead, an `IncacheError` when it cannot be read.
 */
export function kindOfFile(path: string): FileKind {
  using file = FileBytes.open(path);
  const head = headOf(file);
  if (startsWith('PK\x03\x04')(head) || startsWith('PK\x05\x06')(head)) return 'torchZip';
  if (equalBytes(head.subarray(0, LEGACY_START.length), LEGACY_START)) return 'torchLegacy';
  if (isJson(head)) return 'index';
  if (!isSafetensors(head)) refuseForeign(path, head, 'a checkpoint (safetensors or PyTorch)');
  return 'safetensors';
}

/** For a reader of safetensors alone: throws a `FormatError` when the file is something that is known. */
export function refuseUnlessSafetensors(file: FileBytes): void {
  const head = headOf(file);
  if (isSafetensors(head)) return;
  const expected = 'a safetensors file';
  const other = [
    { is: 'a zip archive, as PyTorch and numpy write them', matches: startsWith('PK\x03\x04') },
    { is: 'a PyTorch checkpoint of the older format', matches: startsWith(latin1(LEGACY_START)) },
    { is: 'JSON', matches: isJson },
  ].find(({ matches: match }) => match(head));
  if (other) throw new FormatError(`${file.path} is ${other.is}; expected ${expected}`);
  refuseForeign(file.path, head, expected);
}

function refuseForeign(path: string, head: Uint8Array, expected: string): void {
  const found = FOREIGN.find(({ matches: match }) => match(head));
  if (found) throw new FormatError(`${path} is ${found.is}; ${found.remedy ?? `expected ${expected}`}`);
}

function headOf(file: FileBytes): Uint8Array {
  return file.read(new Uint8Array(Math.min(HEAD_BYTES, file.size)), 0);
}

/** The first field of an ONNX model is its version (field 1); the producer's name (2) or the graph (7) follows. */
function isOnnx(head: Uint8Array): boolean {
  return head[0] === 0x08 && head[1]! >= 3 && head[1]! <= 0x20 && (head[2] === 0x12 || head[2] === 0x3a);
}

/** A header of JSON follows its length. */
function isSafetensors(head: Uint8Array): boolean {
  return head.length > 8 && head[8] === 0x7b && head[7] === 0 && head[6] === 0;
}

function isJson(head: Uint8Array): boolean {
  return !isSafetensors(head) && /^(?:\xef\xbb\xbf)?\s*\{\s*(?:"|\}|$)/.test(latin1(head));
}
