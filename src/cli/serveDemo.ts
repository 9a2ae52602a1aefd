/** `incache demo --web`: the page of the demo on this machine, until it is interrupted. */
import { existsSync } from 'node:fs';
import { IncacheError } from '../errors.js';
import { requireModelFolder } from '../modelPackages.js';
import { packageFile } from '../packageFile.js';
import { startWebServer } from './webServer.js';

/** Prints the address and resolves when `signal` is aborted. Rejects where the model of digits, which the page draws with, is missing. */
export async function serveDemo(port: number, json: boolean, signal: AbortSignal): Promise<void> {
  const bundle = packageFile('dist/browser/incache.js');
  if (!existsSync(bundle))
    throw new IncacheError(`${bundle} is missing; in a checkout, npm run build makes it`);
  requireModelFolder('digits');
  const { address, close } = await startWebServer({ port, isolated: true });
  process.stdout.write(json ? `${JSON.stringify({ address })}\n` : `${address}\n`);
  if (!json) process.stderr.write('incache: open the address in a browser; Ctrl-C ends the server\n');
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  await close();
}
