/** `spiece.model`: the protocol buffer in which SentencePiece keeps a trained model (sentencepiece_model.proto). */
import { FormatError } from '../errors.js';
import { CharsMap } from './charsMap.js';
import { bytesField, type Field, integerField, readFields } from './protobuf.js';
import type { Piece, UnigramModel } from './unigram.js';

/** Fields of ModelProto, and of its parts. */
const PIECES = 1;
const TRAINER = 2;
const NORMALIZER = 3;
const PIECE = { text: 1, score: 2, type: 3 } as const;
const TRAINED = { modelType: 3, byteFallback: 35 } as const;
const NORMALIZED = { charsMap: 2, dummyPrefix: 3, collapseSpaces: 4, escapeSpaces: 5 } as const;

/** ModelProto.SentencePiece.Type. */
const NORMAL = 1;
const UNKNOWN = 2;
const USER_DEFINED = 4;

/** TrainerSpec.ModelType; the default. */
const UNIGRAM = 1;

/** Throws a `FormatError` for bytes that are no model, and for kinds of models that are not supported, by their names. */
export function parseSpieceModel(bytes: Uint8Array, path: string): UnigramModel {
  const what = `the SentencePiece model ${path}`;
  const fields = [...readFields(bytes, what)];
  const inner = (number: number): Field[] => [...readFields(bytesField(fields, number), what)];
  const trainer = inner(TRAINER);
  const normalizer = inner(NORMALIZER);
  const read = fields.filter(({ number }) => number === PIECES).map((field) => readPiece(field, what));
  const unknown = read.findIndex(({ type }) => type === UNKNOWN);
  if (unknown < 0 || !read.some(({ matched }) => matched))
    throw new FormatError(
      `${path} is not a SentencePiece model: it has no pieces, or none for what is unknown`,
    );
  refuse(path, integerField(trainer, TRAINED.modelType, UNIGRAM) !== UNIGRAM, 'is not a unigram model');
  refuse(path, integerField(trainer, TRAINED.byteFallback, 0) !== 0, 'falls back to bytes');
  refuse(path, integerField(normalizer, NORMALIZED.escapeSpaces, 1) === 0, 'does not escape spaces');
  refuse(
    path,
    read.some(({ type }) => type === USER_DEFINED),
    'has pieces that its user defined',
  );
  return {
    pieces: read,
    unknown,
    charsMap: new CharsMap(bytesField(normalizer, NORMALIZED.charsMap), path),
    dummyPrefix: integerField(normalizer, NORMALIZED.dummyPrefix, 1) !== 0,
    collapseSpaces: integerField(normalizer, NORMALIZED.collapseSpaces, 1) !== 0,
  };
}

function readPiece({ value }: Field, what: string): Piece & { readonly type: number } {
  if (typeof value === 'number') throw new FormatError(`${what} has a piece that is a number`);
  const fields = [...readFields(value, what)];
  const score = bytesField(fields, PIECE.score);
  const type = integerField(fields, PIECE.type, NORMAL);
  return {
    text: new TextDecoder().decode(bytesField(fields, PIECE.text)),
    score: score.length === 4 ? new DataView(score.buffer, score.byteOffset).getFloat32(0, true) : 0,
    matched: type === NORMAL,
    type,
  };
}

function refuse(path: string, condition: boolean, what: string): void {
  if (condition) throw new FormatError(`${path} ${what}; expected a unigram model such as those of T5`);
}
