import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  advance(note?: string): void;
  stop(): void;
}

export interface EstimatedProgress {
  /** `share` from 0 to 1. */
  set(share: number, secondsLeft: number | undefined, note: string): void;
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

/** As `startProgress`, of work whose estimate comes with it. */
export function startEstimatedProgress(what: string, quiet: boolean): EstimatedProgress {
  if (quiet || !process.stderr.isTTY) return { set() {}, stop() {} };
  const format = `${what} {bar} {percentage} % {left} left  {note}`;
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(100, 0, { left: '?', note: '' });
  return {
    set: (share, secondsLeft, note) =>
      bar.update(Math.floor(100 * share), { left: durationText(secondsLeft), note }),
    stop: () => bar.stop(),
  };
}

function durationText(seconds: number | undefined): string {
  if (seconds === undefined) return '?';
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
