/** Browsers have no CRC-32 of their own. */
export const systemCrc32: ((bytes: Uint8Array, before: number) => number) | undefined = undefined;
