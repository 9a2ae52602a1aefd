/** Just enough of the protobuf wire format to write an ONNX model. */

/** Fields one after another. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(fields.reduce((sum, field) => sum + field.length, 0));
  let place = 0;
  for (const field of fields) {
    joined.set(field, place);
    place += field.length;
  }
  return joined;
}

/** A field of an integer, 0 or above. */
export function integer(field: number, value: number): Uint8Array {
  return Uint8Array.of(...varint(field << 3), ...varint(value));
}

export function float(field: number, value: number): Uint8Array {
  return message(Uint8Array.from(varint((field << 3) | 5)), new Uint8Array(Float32Array.of(value).buffer));
}

export function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

/** A field of bytes; a message inside another is one too. */
export function bytes(field: number, value: Uint8Array): Uint8Array {
  return message(Uint8Array.of(...varint((field << 3) | 2), ...varint(value.length)), value);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}
