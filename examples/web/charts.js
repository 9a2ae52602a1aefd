/** The schedule of a row (step by layer), and below it the error of every sublayer on the same axis. */
import { heat, themeColour } from './colours.js';

export class Chart {
  /** plan: as of `PagePipeline.plan`. */
  constructor(title, plan) {
    this.element = document.querySelector('#chart').content.firstElementChild.cloneNode(true);
    this.title = title;
    this.plan = plan;
    this.element.querySelector('figcaption').textContent = title;
    this.element.querySelector('.last').textContent = `step ${plan.steps.length}`;
    this.reading = this.element.querySelector('.reading');
    this.schedule = this.element.querySelector('.schedule');
    this.errorMap = this.element.querySelector('.errors');
    this.schedule.setAttribute(
      'aria-label',
      `Schedule of ${title}: ${summary(plan)}. Arrow keys read single cells.`,
    );
    explore(this.schedule, plan.layers.length, plan.steps.length, (layer, step) =>
      this.#say(`step ${step + 1}, ${plan.layers[layer]}: ${plan.steps[step][layer]}`),
    );
    new ResizeObserver(() => this.draw()).observe(this.schedule);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** errors: as of `PagePipeline.errors`. Returns the largest. */
  setErrors(errors) {
    this.errors = errors;
    const names = [...errors[0].layers.keys()];
    const largest = Math.max(...errors.flatMap(({ layers }) => [...layers.values()]));
    this.errorMap.hidden = false;
    this.errorMap.setAttribute(
      'aria-label',
      `Relative error of the sublayers of ${this.title}, at most ${largest.toFixed(3)}. Arrow keys read single cells.`,
    );
    explore(this.errorMap, names.length, errors.length, (layer, step) =>
      this.#say(
        `step ${step + 1}, ${names[layer]}: relative error ${errors[step].layers.get(names[layer]).toFixed(4)}`,
      ),
    );
    return largest;
  }

  /** scale: the error that is brightest. */
  draw(scale = this.scale) {
    this.scale = scale;
    const { layers, steps } = this.plan;
    fill(this.schedule, layers.length, steps.length, (layer, step) => themeColour(steps[step][layer]));
    if (!this.errors) return;
    const names = [...this.errors[0].layers.keys()];
    fill(this.errorMap, names.length, this.errors.length, (layer, step) => {
      const error = this.errors[step].layers.get(names[layer]);
      return `rgb(${heat(scale > 0 ? error / scale : 0)})`;
    });
  }

  #say(text) {
    this.reading.textContent = text;
  }
}

/** Cells of a canvas, rows from above and columns from the left, with a gap where there is room. */
function fill(canvas, rows, columns, colour) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) =>
    Math.round(side * devicePixelRatio),
  );
  if (width === 0 || height === 0) return;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  const edge = (count, size) => (i) => Math.round((i * size) / count);
  const [x, y] = [edge(columns, width), edge(rows, height)];
  const gap = (size, count) => (size / count > 3.5 ? 1 : 0);
  for (let column = 0; column < columns; column++)
    for (let row = 0; row < rows; row++) {
      context.fillStyle = colour(row, column);
      context.fillRect(
        x(column),
        y(row),
        x(column + 1) - x(column) - gap(width, columns),
        y(row + 1) - y(row) - gap(height, rows),
      );
    }
}

/** Calls `tell` for the cell under the pointer, and for the one that arrow keys have reached. */
function explore(canvas, rows, columns, tell) {
  let [row, column] = [0, 0];
  const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  canvas.onpointermove = canvas.onpointerdown = ({ offsetX, offsetY }) => {
    [row, column] = [at(offsetY / canvas.clientHeight, rows), at(offsetX / canvas.clientWidth, columns)];
    tell(row, column);
  };
  canvas.onfocus = () => tell(row, column);
  canvas.onkeydown = (event) => {
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    [row, column] = [
      Math.min(rows - 1, Math.max(0, row + down)),
      Math.min(columns - 1, Math.max(0, column + right)),
    ];
    tell(row, column);
  };
}

function summary({ steps }) {
  const cells = steps.flat();
  const share = (state) => Math.round((100 * cells.filter((cell) => cell === state).length) / cells.length);
  return `${share('computed')} % computed, ${share('calibrated')} % calibrated, ${share('reused')} % reused`;
}
