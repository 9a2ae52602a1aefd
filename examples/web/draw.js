/** Draws the rows: those that can begin take their steps in turns, so that the eye compares the same moment. */

import { Chart } from './charts.js';
import { Row, valuesOf } from './rows.js';

/**
 * model: a `Model`; settings: a `Settings`; places: the elements for rows and charts; say: called with what is going on.
 * Returns the rows.
 */
export async function draw({ model, settings, places, say, signal }) {
  const { pipeline } = model;
  const { values, rows: chosen } = settings;
  const subjects = model.takesPrompts ? { prompts: settings.prompts } : { labels: settings.labels };
  const run = { ...subjects, steps: values.steps, seed: values.seed, guidanceScale: values.guidance, signal };
  const texts = subjects.prompts ?? subjects.labels.map((label) => model.labelText(label));
  const rows = chosen.map((choice) => ({ ...choice, view: new Row(choice.title, texts), values: undefined }));
  // A run without a cache tells at once whether the settings fit the model, before anything is cleared.
  await pipeline.plan({ ...run, cache: { policy: 'none' } });
  places.rows.replaceChildren(...rows.map(({ view }) => view.element));
  places.charts.replaceChildren();
  const [ready, later] = [rows.filter((row) => !row.needsFactors), rows.filter((row) => row.needsFactors)];
  say('Drawing…');
  const factors = later.length > 0 ? await knownFactors(model, values.rank) : undefined;
  await inTurns(model, run, factors ? rows : ready, rows[0], factors);
  if (later.length > 0 && !factors) {
    const made = await model.factors(values.rank, {
      prompts: subjects.prompts,
      signal,
      onProgress: ({ done, total }) => say(`Calibrating, ${Math.round((100 * done) / total)} %…`),
    });
    say('Drawing…');
    await inTurns(model, run, later, rows[0], made);
  }
  await chartRows(model, run, settings, rows, places.charts, say);
  return rows.map(({ view }) => view);
}

/** Those that are there already, since calibration would hold up the first pictures. */
function knownFactors(model, rank) {
  return model.hasFactors(rank) ? model.factors(rank, {}) : undefined;
}

async function inTurns({ pipeline, recipe }, run, rows, full, factors) {
  let going = rows.map((row) => ({
    row,
    steps: pipeline.sample({ ...run, cache: row.options({ factors, recipe }) }),
  }));
  try {
    while (going.length > 0) {
      const still = [];
      for (const { row, steps } of going) {
        const { done, value } = await steps.next();
        if (done) await finish(pipeline, row, full, value, run.signal);
        else {
          show(pipeline, row, full, value);
          still.push({ row, steps });
        }
      }
      going = still;
    }
  } finally {
    // Where one failed or was cancelled, the others end too.
    await Promise.all(going.map(({ steps }) => steps.return()));
  }
}

function show({ info }, row, full, step) {
  row.view.advance((step.index + 1) / step.steps, step);
  // Of models whose latents are no pictures these are guesses of colours, and no difference of theirs means much.
  row.values = info.hasPictures && !info.hasAutoencoder ? step.latents() : undefined;
  row.view.show(step.preview(), row === full || info.hasAutoencoder ? undefined : full.view.pictures);
  if (row.values && full.values) row.view.report(full.view, row.values, full.values);
}

async function finish(pipeline, row, full, { latents, shape }, signal) {
  const { hasPictures, hasAutoencoder } = pipeline.info;
  if (hasPictures) {
    const pictures = await pipeline.decode(latents, shape, signal);
    row.view.show(pictures, row === full ? undefined : full.view.pictures);
    row.values = hasAutoencoder ? valuesOf(pictures) : latents;
  } else row.values = latents;
  row.view.report(full.view, row.values, full.values);
}

/** Schedules of the cached rows, and the errors of their layers where they are asked for. */
async function chartRows({ pipeline, loaded, recipe }, run, { values }, rows, place, say) {
  const charts = [];
  for (const row of rows.slice(1)) {
    if (row.decidesLater) continue;
    const factors = row.needsFactors ? loaded.get(values.rank) : undefined;
    const options = { ...run, cache: row.options({ factors, recipe }) };
    const chart = new Chart(row.view.title, await pipeline.plan(options));
    charts.push({ chart, options });
    place.append(chart.element);
  }
  place.parentElement.hidden = charts.length === 0;
  if (!values.map) return;
  let scale = 0;
  for (const { chart, options } of charts) {
    const errors = await pipeline.errors(options, {
      onProgress: ({ done, total }) =>
        say(`Measuring the errors of layers, ${Math.round((100 * done) / total)} %…`),
    });
    scale = Math.max(scale, chart.setErrors(errors));
    for (const other of charts) other.chart.draw(scale);
    document.querySelector('#scale').textContent = `0 to ${scale.toPrecision(2)}`;
  }
}
