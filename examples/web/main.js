/** The page: what its buttons do, and what it says. */
import { browserSupport, droppedFiles, readRecipe } from 'incache/page';
import { draw } from './draw.js';
import { Model } from './model.js';
import { rowsAsPng } from './rows.js';
import { Settings } from './settings.js';

const $ = (selector) => document.querySelector(selector);
const support = browserSupport();
const settings = new Settings($('#settings'), support.threads);

let model;
let rows = [];
/** Ends what is going on. */
let controller;

/** Runs one thing at a time; what was going on is cancelled. Errors are shown as the sentence that they are. */
async function busy(work) {
  controller?.abort();
  const mine = new AbortController();
  controller = mine;
  setBusy(true);
  showError('');
  try {
    await work(mine.signal);
    if (controller === mine) say('');
  } catch (error) {
    if (mine.signal.aborted) {
      if (controller === mine) say('Cancelled.');
    } else {
      say('');
      showError(error.message);
    }
  } finally {
    if (controller === mine) {
      controller = undefined;
      setBusy(false);
    }
  }
}

function setBusy(isBusy) {
  $('#cancel').disabled = !isBusy;
  $('#draw').disabled = isBusy || !model;
  $('#save').disabled = isBusy || rows.length === 0;
}

function say(text) {
  $('#status').textContent = text;
}

function showError(text) {
  $('#error').hidden = text === '';
  $('#error').textContent = text;
}

/**
 * choice: as for `Model.open`. The model that was there stays until the new one is open, and so do the settings when the page begins
 * with those of its address.
 */
async function open(choice, signal, { vae, keepsSettings = false } = {}) {
  say('Opening…');
  const { threads } = settings.values;
  const opened = await Model.open(choice, {
    threads,
    vae,
    signal,
    onProgress: ({ name, done, total }) =>
      say(`Fetching ${name}: ${megabytes(done)}${total > 0 ? ` of ${megabytes(total)}` : ''}`),
  });
  const former = model;
  const isOther = !keepsSettings && former?.choice !== choice;
  model = opened;
  model.threadsAsked = threads;
  $('#model').textContent = model.description;
  for (const name of ['digits', 'emoji']) $(`#${name}`).hidden = choice === name;
  const [note] = model.pipeline.info.notes;
  if (note) showNotice(note);
  settings.suit(model, isOther ? model.settings : {});
  await former?.dispose();
}

async function drawRows(signal) {
  if (model.threadsAsked !== settings.values.threads) await open(model.choice, signal);
  history.replaceState(null, '', settings.link);
  rows = await draw({
    model,
    settings,
    places: { rows: $('#rows'), charts: $('#charts') },
    say,
    signal,
  });
}

/** Larger ones are no recipes, which are read whole. */
const MOST_RECIPE_BYTES = 2 ** 28;

/** What was dropped or chosen: a model, or else the recipe or the autoencoder of the one that is open. */
async function take(files, signal) {
  const [file, ...others] = Object.values(files);
  if (!file) throw new Error('Nothing that could be read was dropped.');
  const recipe =
    others.length === 0 && file.size < MOST_RECIPE_BYTES
      ? await readRecipe(file).catch(() => undefined)
      : undefined;
  if (recipe && model) {
    model.recipe = recipe;
    return settings.suit(model, {
      third: 'recipe',
      steps: recipe.info.steps,
      guidance: recipe.info.guidanceScale,
    });
  }
  try {
    await open(files, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!model || model.pipeline.info.hasPictures) throw error;
    await open(model.choice, signal, { vae: files }).catch(() => {
      throw error;
    });
  }
}

function showNotice(text) {
  $('#notice').hidden = false;
  $('#notice').textContent = text;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

$('#settings').addEventListener('submit', (event) => {
  event.preventDefault();
  void busy(drawRows);
});
$('#cancel').addEventListener('click', () => controller?.abort());
$('#save').addEventListener('click', () => save(rowsAsPng(rows), 'incache.png'));
$('#link').addEventListener('click', async () => {
  history.replaceState(null, '', settings.link);
  await navigator.clipboard.writeText(settings.link).then(
    () => say('The link is on the clipboard.'),
    () => say('The link is in the address bar.'),
  );
});
for (const name of ['digits', 'emoji'])
  $(`#${name}`).addEventListener('click', () => busy((signal) => open(name, signal)));
for (const input of [$('#file'), $('#folder')])
  input.addEventListener('change', () => {
    const files = Object.fromEntries(
      [...input.files].map((file) => [file.webkitRelativePath || file.name, file]),
    );
    input.value = '';
    void busy((signal) => take(files, signal));
  });

addEventListener('keydown', (event) => {
  if (event.key === 'Escape') controller?.abort();
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) document.body.classList.remove('dropping');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const files = droppedFiles(event.dataTransfer);
  void busy(async (signal) => take(await files, signal));
});

if (support.notes.length > 0) showNotice(support.notes.join(' '));
$('#support').textContent =
  `Computed by WebAssembly on this machine, with up to ${support.threads} ${support.threads === 1 ? 'thread' : 'threads'}.`;
await busy(async (signal) => {
  const { model: choice } = settings.values;
  await open(Model.isServed(choice) ? choice : 'digits', signal, { keepsSettings: location.hash.length > 1 });
  await drawRows(signal);
});
