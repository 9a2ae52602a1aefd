/** Puts what TypeScript made of the server where its package has it: server/dist. Run by npm when @incache/server is packed. */
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = pathOf('../server/dist');
rmSync(target, { recursive: true, force: true });
cpSync(pathOf('../dist/server/src'), target, { recursive: true });
