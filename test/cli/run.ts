/** Runs the compiled command line as its users do: in a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const started = new Set<ChildProcess>();
// A test that fails leaves what it has not ended, as a server, for which the file would wait for ever.
after(() => {
  for (const child of started) child.kill('SIGKILL');
});

export function start(args: readonly string[], folder: string): ChildProcess {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

export function incache(args: readonly string[], folder: string): Promise<Run> {
  return ended(start(args, folder));
}

/** The exit code and all that was said. */
export async function ended(child: ChildProcess): Promise<Run> {
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]!.setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, ...said };
}

/** A new folder, gone at `dispose`. */
export class Workplace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'incache-cli-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  get files(): string[] {
    return readdirSync(this.folder).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
