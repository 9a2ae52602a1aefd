/** Moves the memory of the array away, as `postMessage` with a transfer list does. */
export function detach<T extends Float32Array | Int32Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}
