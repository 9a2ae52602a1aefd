import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  advance(note?: string): void;
  stop(): void;
}

/** A progress bar on stderr when that is a terminal, and nothing otherwise. */
export function startProgress(what: string, total: number, quiet: boolean): Progress {
  if (quiet || !process.stderr.isTTY) return { advance() {}, stop() {} };
  const format = `${what} {bar} {value}/{total} {eta_formatted} left {note}`;
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(total, 0, { note: '' });
  return {
    advance: (note = '') => bar.increment(1, { note }),
    stop: () => bar.stop(),
  };
}
