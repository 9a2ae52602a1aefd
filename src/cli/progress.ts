import { Bar } from './bar.js';

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
  const bar = new Bar(what);
  const started = performance.now();
  let done = 0;
  return {
    advance: (note = '') => {
      done++;
      const seconds = (performance.now() - started) / 1000;
      bar.show(done / total, `${done}/${total} ${leftText(seconds, done, total)} ${note}`);
    },
    stop: () => bar.stop(),
  };
}

/** As `startProgress`, of work whose estimate comes with it. */
export function startEstimatedProgress(what: string, quiet: boolean): EstimatedProgress {
  if (quiet || !process.stderr.isTTY) return { set() {}, stop() {} };
  const bar = new Bar(what);
  return {
    set: (share, secondsLeft, note) => {
      const left = secondsLeft === undefined ? '' : `${durationText(secondsLeft)} left`;
      bar.show(share, `${Math.floor(100 * share)} % ${left}  ${note}`);
    },
    stop: () => bar.stop(),
  };
}

/** Nothing until there is something to go by: a share of the work, and seconds that are no warm-up. */
export function leftText(seconds: number, done: number, total: number): string {
  if (done >= total || seconds < 2 || done < Math.min(3, total)) return '';
  return `${durationText((seconds / done) * (total - done))} left`;
}

export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
