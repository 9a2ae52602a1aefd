/** The picture of the demo: a row for each policy, with what it is at the left, and what is drawn above each column. */
import { Picture } from '../../pipeline/picture.js';
import { charactersIn, drawLine, LINE_HEIGHT, wrapped } from './caption.js';

export interface SheetRow {
  /** Lines at the left of the row; the first one is its name, which is wrapped. */
  readonly caption: readonly string[];
  readonly pictures: readonly Picture[];
}

const GAP = 4;
const SIDE = 176;
const MOST_LINES = 4;
/** Smaller pictures are drawn with pixels of a whole size, so that they are at least about this wide. */
const WIDE = 128;
const [PAPER, INK] = [255, 32];

/**
 * Rows of pictures of one size and of 1 or 3 channels, dark on white, so that it can be read whatever it lies on. Captions of columns
 * are cut to four lines.
 */
export function sheet(columns: readonly string[], rows: readonly SheetRow[]): Picture {
  const { width, height } = rows[0]!.pictures[0]!;
  const scale = Math.max(1, Math.round(WIDE / width));
  const [across, down] = [width * scale + GAP, height * scale + GAP];
  const titles = columns.map((text) => wrapped(text, charactersIn(width * scale), MOST_LINES));
  const head = GAP + LINE_HEIGHT * Math.max(...titles.map((lines) => lines.length));
  const page = new Page(SIDE + columns.length * across + GAP, head + rows.length * down + GAP);
  for (const [column, lines] of titles.entries())
    for (const [i, line] of lines.entries())
      page.text(line, SIDE + column * across, head - (lines.length - i) * LINE_HEIGHT);
  for (const [row, { caption, pictures }] of rows.entries()) {
    const top = head + row * down;
    const [name = '', ...figures] = caption;
    const lines = [...wrapped(name, charactersIn(SIDE - 2 * GAP), MOST_LINES), ...figures];
    for (const [i, line] of lines.entries()) page.text(line, GAP, top + GAP + i * LINE_HEIGHT);
    for (const [column, picture] of pictures.entries())
      page.place(picture, scale, SIDE + column * across, top);
  }
  return page.picture;
}

class Page {
  readonly #data: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.#data = new Uint8Array(width * height * 3).fill(PAPER);
  }

  get picture(): Picture {
    return new Picture(this.width, this.height, 3, this.#data);
  }

  text(line: string, left: number, top: number): void {
    drawLine(line, left, top, (x, y) => {
      if (x < this.width && y < this.height) this.#data.fill(INK, this.#at(x, y), this.#at(x, y) + 3);
    });
  }

  /** Every pixel as a square of `scale` pixels. */
  place({ width, height, channels, data }: Picture, scale: number, left: number, top: number): void {
    for (let y = 0; y < height * scale; y++)
      for (let x = 0; x < width * scale; x++) {
        const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
        for (let c = 0; c < 3; c++)
          this.#data[this.#at(left + x, top + y) + c] = data[from + (channels === 3 ? c : 0)]!;
      }
  }

  #at(x: number, y: number): number {
    return (y * this.width + x) * 3;
  }
}
