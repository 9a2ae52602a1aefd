/**
 * Where each backend finds the kernel of an operation. A kernel is a file of the operation's name; these lists follow from the
 * schema and, in WebAssembly, from what the files say of their arguments.
 */
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const MADE = 'Made from src/plan/schema.ts by npm run plan:tables.';

/** The files, by their paths. */
export function kernelLists(schema) {
  const names = Object.keys(schema);
  return {
    'src/backend/reference/kernels.ts': moduleTable(
      'Kernels of the reference backend by operation.',
      'KERNELS',
      names,
    ),
    'src/backend/wasm/operations/encoders.ts': moduleTable(
      'What writes the words of an operation for its kernel, by operation.',
      'ENCODERS',
      names,
    ),
    'src/backend/gpu/operations/lowerings.ts': moduleTable(
      'What makes dispatches of an operation, by operation.',
      'LOWERINGS',
      names,
    ),
    'assembly/kernels.ts': assemblySwitch([...names, 'linearInt8']),
    'cpp/cpu/operations.inc': includes('The kernels of the processor, one file an operation.', names, 'inc'),
    'cuda/small.cu': includes(
      'The operations that a few lines of kernel make. They are one unit, since most of what each takes to compile is its headers.',
      names
        .filter((name) => existsSync(new URL(`cuda/small/${name}.cu`, root)))
        .map((name) => `small/${name}`),
      'cu',
    ),
  };
}

function includes(what, names, extension) {
  return [`// ${what}`, `// ${MADE}`, ...names.map((name) => `#include "${name}.${extension}"`), ''].join(
    '\n',
  );
}

/** An object of what modules of these names export by their names. */
function moduleTable(what, table, names) {
  const imports = [...names].sort().map((name) => `import { ${name} } from './${name}.js';`);
  return [
    `/** ${what} ${MADE} */`,
    ...imports,
    '',
    `export const ${table} = {`,
    ...names.map((name) => `  ${name},`),
    '};',
    '',
  ].join('\n');
}

/** A call of the kernel with each code. `src/backend/wasm/operation.ts` has the same order. */
function assemblySwitch(names) {
  const kernels = names.map(kernelOf);
  const imported = new Map();
  for (const { name, type, from } of kernels) {
    for (const [file, each] of [
      [name, name],
      [from, type],
    ])
      imported.set(file, [...(imported.get(file) ?? []), each]);
  }
  const imports = [...imported].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `/** Runs a tile of an operation by the kernel of its code. ${MADE} */`,
    ...imports.map(([file, each]) => `import { ${[...new Set(each)].sort().join(', ')} } from './${file}';`),
    '',
    'export function runTile(code: i32, a: usize, tile: i32, scratch: usize): void {',
    '  switch (code) {',
    ...kernels.flatMap(({ name, type, takes }, code) => [
      `    case ${code}:`,
      `      return ${name}(changetype<${type}>(a)${['', ', tile', ', tile, scratch'][takes - 1]});`,
    ]),
    '    default:',
    '      unreachable();',
    '  }',
    '}',
    '',
  ].join('\n');
}

/** The kernel's class of arguments, the file that has it, and how many parameters the kernel takes. */
function kernelOf(name) {
  const file = new URL(`assembly/${name}.ts`, root);
  const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const found = new RegExp(`export function ${name}\\(a: (\\w+)([^)]*)\\): void`).exec(source);
  if (!found) {
    console.error(
      `assembly/${name}.ts is missing, or does not have \`export function ${name}(a: ..., tile: i32): void\``,
    );
    process.exit(1);
  }
  const [, type, others] = found;
  const imported = new RegExp(`import \\{[^}]*\\b${type}\\b[^}]*\\} from '\\./(\\w+)'`).exec(source);
  return { name, type, from: imported?.[1] ?? name, takes: others.split(':').length };
}
