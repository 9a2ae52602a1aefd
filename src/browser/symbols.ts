/**
 * The symbols by which classes say how they are disposed of, which some browsers lack. The bundler puts these in the place of
 * `Symbol.dispose` and `Symbol.asyncDispose` (scripts/build-browser.mjs).
 */
function known(name: 'dispose' | 'asyncDispose'): symbol {
  const symbols = Symbol as unknown as Record<string, symbol | undefined>;
  // Where it is lacking, code that was compiled for such browsers looks for this one.
  if (!symbols[name]) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
  return symbols[name]!;
}

export const symbolDispose = known('dispose');
export const symbolAsyncDispose = known('asyncDispose');
