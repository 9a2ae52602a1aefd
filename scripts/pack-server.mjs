/**
 * Puts what TypeScript made of the server, and the licence, where its package has them: server/dist, server/LICENSE. Run by
 * npm when @incache/server is packed.
 */
import { copyFileSync, cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = pathOf('../server/dist');
rmSync(target, { recursive: true, force: true });
cpSync(pathOf('../dist/server/src'), target, { recursive: true });
copyFileSync(pathOf('../LICENSE'), pathOf('../server/LICENSE'));
