/** A progress bar on one line of the terminal. Drawing it here takes six packages less than a library for it. */

const CELLS = 40;
/** Milliseconds between two drawings, so that a terminal far away keeps up. */
const PAUSE = 100;

export interface BarOutput {
  readonly columns?: number;
  write(text: string): unknown;
}

export class Bar {
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly what: string,
    private readonly output: BarOutput = process.stderr,
    private readonly now = () => performance.now(),
  ) {
    this.show(0, '');
  }

  /** `share` of the work from 0 to 1. Something soon after another drawing is not drawn. */
  show(share: number, text: string): void {
    if (this.now() - this.#drawn < PAUSE) return;
    this.#drawn = this.now();
    const full = Math.round(CELLS * Math.min(1, Math.max(0, share)));
    const line = `${this.what} ${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${text}`.trimEnd();
    // A line that the terminal breaks could not be drawn over.
    this.output.write(`\r\x1b[K${line.slice(0, (this.output.columns ?? 80) - 1)}`);
  }

  /** Leaves the line empty. */
  stop(): void {
    this.output.write('\r\x1b[K');
  }
}
