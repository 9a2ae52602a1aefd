/**
 * Translates the kernels of `gpujs` with gpu.js into `src/backend/gpu/translated.ts`. With --check it writes nothing,
 * and fails when that is not what it would write. gpu.js is needed by nothing else: `npm install --no-save gpu.js`
 * or, with all peers of the benchmarks, `npm run bench:peers` brings it.
 *
 * gpu.js gives the body of a kernel, in which matrices are read by functions `get_user_<name>(z, y, x)` and numbers
 * are members of `params`. `src/backend/gpu/shader.ts` puts it between declarations of our own: operands there are
 * views, and several kernels are one submission.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../', import.meta.url);
const MODULES = ['elementwise', 'layouts', 'products', 'reductions'];
const OUTPUT = new URL('src/backend/gpu/translated.ts', root);
const TYPES = { matrix: 'WebGPUBuffer', integer: 'Integer', float: 'Float' };
/** Helpers that WGSL has better than gpu.js would say them. */
const INTEGER_HELPERS = {
  quotient: 'fn quotient(a: i32, b: i32) -> i32 { return a / b; }',
  remainder: 'fn remainder(a: i32, b: i32) -> i32 { return a % b; }',
};

const { WebGPUKernel } = createRequire(new URL('bench/peers/package.json', root))('gpu.js');
const { HELPERS } = await import(new URL('gpujs/helpers.js', root));

function translate({ types, body }, shared) {
  const argumentTypes = types.map((type) => TYPES[type]);
  const functions = HELPERS.map(([helper, helperTypes, returnType]) => ({
    name: helper.name,
    source: helper.toString(),
    argumentTypes: helperTypes,
    returnType,
  }));
  const settings = { output: [1, 1], argumentTypes, functions, constants: {} };
  const translator = new WebGPUKernel(body.toString(), settings);
  translator.functions = functions;
  translator.setupConstants();
  translator.setupArguments(types.map(() => 1));
  translator.translateSource();
  collect(translator.translatedFunctions, shared);
  const names = translator.argumentNames;
  const of = (kind) => names.filter((_, i) => types[i] === kind);
  return {
    matrices: of('matrix'),
    integers: of('integer'),
    floats: of('float'),
    body: tidy(translator.translatedBody),
  };
}

/** Adds the functions that a kernel calls to those of all; of some WGSL has a better form. */
function collect(text, functions) {
  for (const part of text.split(/^(?=fn )/m)) {
    const [, name] = /^fn fn_(\w+)\(/.exec(part) ?? [];
    if (name) functions.set(name, INTEGER_HELPERS[name] ?? tidy(part));
  }
}

/** Names without the prefixes of gpu.js, and no blank lines. */
function tidy(text) {
  const plain = text
    .replace(/get_user_(\w+)\(0, /g, 'get_$1(')
    .replace(/params\.user_/g, 'params.')
    .replace(/\bfn_(\w+)/g, '$1')
    .replace(/result\[data_index\] = (.*);\s*return;/g, 'give($1); return;')
    .replace(/i32\((i32\([^()]*\))\)/g, '$1');
  if (/_user_\w+\(|params\.user_|data_index|result\[/.test(plain))
    throw new Error(`what gpu.js made is new to us:\n${text}`);
  return plain
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join('\n');
}

function moduleText(kernels, functions) {
  const quoted = (text) => `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
  const list = (names) => `[${names.map((name) => `'${name}'`).join(', ')}]`;
  const entry = ([name, k]) =>
    [
      `  ${name}: {`,
      `    matrices: ${list(k.matrices)},`,
      `    integers: ${list(k.integers)},`,
      `    floats: ${list(k.floats)},`,
      `    body: ${quoted(k.body)},`,
      '  },',
    ].join('\n');
  return `${[
    '/** The kernels of `gpujs`, as gpu.js translated them to WGSL. Made by npm run gpu:kernels. */',
    '// biome-ignore-all format: made by a program',
    `export const HELPERS = ${quoted([...functions.values()].join('\n'))};`,
    '',
    'export const TRANSLATED = {',
    ...kernels.map(entry),
    '} as const;',
  ].join('\n')}\n`;
}

const kernels = [];
const functions = new Map();
for (const module of MODULES)
  for (const [name, kernel] of Object.entries(await import(new URL(`gpujs/${module}.js`, root))))
    kernels.push([name, translate(kernel, functions)]);
const text = moduleText(kernels, functions);
if (!process.argv.includes('--check')) writeFileSync(OUTPUT, text);
else if (readFileSync(OUTPUT, 'utf8') !== text) {
  process.stderr.write('src/backend/gpu/translated.ts is not what gpujs gives: npm run gpu:kernels\n');
  process.exitCode = 1;
}
