import type { Command } from 'commander';
import { ArgumentError } from '../../errors.js';
import { addCacheFlags } from '../cacheFlags.js';
import { addDrawingFlags, type DrawingFlags, drawingOptions } from '../drawingFlags.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { loadServerPackage } from '../serverPackage.js';
import {
  addModelFlags,
  addOutputFlags,
  addVaeFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';

interface WorkFlags extends ModelFlags, OutputFlags, DrawingFlags {}

export function register(program: Command): void {
  const command = program
    .command('work')
    .description('Draw images that servers (incache serve --queue) are asked for, beside other workers.');
  addDrawingFlags(command, 'the Redis of the servers, as in redis://host:6379');
  addOutputFlags(addVaeFlags(addModelFlags(addCacheFlags(command)))).action(runWork);
}

async function runWork(flags: WorkFlags): Promise<void> {
  const { startWorker } = await loadServerPackage();
  const { queue, ...options } = drawingOptions(flags);
  if (queue === undefined)
    throw new ArgumentError('queue', queue, 'the address of Redis, as in redis://host:6379');
  const signal = interruptSignal();
  await using pipeline = await loadPipeline({ keepTextEncoder: true, ...flags });
  const worker = await startWorker(pipeline, { ...options, queue });
  process.stdout.write(flags.json ? `${JSON.stringify({ ready: true })}\n` : 'ready\n');
  // Where Redis is away it is not known yet; that is told on its own.
  void worker.otherServers().then(
    (others) => {
      if (others.length > 0)
        note(
          `no server asks for this model, version, cache policy and these recipes; servers have ${others.join(', ')}`,
        );
    },
    () => {},
  );
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await worker.close();
}
