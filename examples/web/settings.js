/** What a person has chosen: the form, and the part of the address behind `#` that holds it. */

/** The caches that rows can have, with the fields that each takes and its options for the engine. */
export const POLICIES = {
  reuse: {
    fields: ['period'],
    title: ({ period }) => `Reuse, every ${ordinal(period)} step in full`,
    options: ({ period }) => ({ policy: 'reuse', period }),
  },
  calibrated: {
    fields: ['period', 'rank'],
    title: ({ period, rank }) => `Calibrated, every ${ordinal(period)} step in full, rank ${rank}`,
    options: ({ period }, { factors }) => ({ policy: 'calibrated', period, factors }),
    needsFactors: true,
  },
  taylorseer: {
    fields: ['period', 'order'],
    title: ({ period, order }) => `TaylorSeer, every ${ordinal(period)} step in full, order ${order}`,
    options: ({ period, order }) => ({ policy: 'taylorseer', period, order }),
  },
  recipe: {
    fields: [],
    title: () => 'Recipe of this model',
    options: (_, { recipe }) => recipe.options,
    needsRecipe: true,
  },
  teacache: {
    fields: ['threshold'],
    title: ({ threshold }) => `TeaCache, threshold ${threshold}`,
    options: ({ threshold }) => ({ policy: 'teacache', threshold }),
    decidesLater: true,
  },
};

const DEFAULTS = {
  model: 'digits',
  labels: '0-9',
  prompts: [
    'a red apple, noto',
    'smiling face with sunglasses, twemoji',
    'cat face with tears of joy, noto',
    'panda, twemoji',
  ].join('\n'),
  steps: 20,
  seed: 0,
  guidance: 1.5,
  threads: 0,
  second: 'reuse',
  third: 'calibrated',
  period: 2,
  rank: 32,
  order: 1,
  threshold: 0.1,
  map: true,
};

/** More pictures at once would not fit the page. */
const MOST_SUBJECTS = 20;

export class Settings {
  /** threads: how many there can be. */
  constructor(form, threads) {
    this.form = form;
    const choices = Array.from({ length: threads }, (_, i) => new Option(i + 1, i + 1));
    form.elements.threads.append(new Option('all', 0), ...choices);
    for (const name of ['second', 'third'])
      form.elements[name].append(...Object.keys(POLICIES).map((policy) => new Option(policy, policy)));
    this.fill({ ...DEFAULTS, ...this.#fromAddress() });
    form.addEventListener('change', () => this.#showFields());
  }

  /** Values by name, numbers as numbers. */
  get values() {
    const values = {};
    for (const [name, standard] of Object.entries(DEFAULTS)) {
      const field = this.form.elements[name];
      if (typeof standard === 'boolean') values[name] = field.checked;
      else values[name] = typeof standard === 'number' ? Number(field.value) : field.value;
    }
    return values;
  }

  fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = this.form.elements[name];
      if (field.type === 'checkbox') field.checked = value;
      else field.value = value;
      // A choice that this browser or version does not have.
      if (field.tagName === 'SELECT' && field.selectedIndex < 0) field.value = DEFAULTS[name];
    }
    this.#showFields();
  }

  /** The address of this page with all settings. */
  get link() {
    const address = new URL(location.href);
    address.hash = new URLSearchParams(this.values).toString();
    return address.href;
  }

  /** `3, 5-7, golden retriever` as a list of numbers and names. Throws an `Error` with a sentence. */
  get labels() {
    const labels = this.values.labels
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '')
      .flatMap(labelsOf);
    if (labels.length === 0) throw new Error('Classes are missing: at least one number or name is needed.');
    requireFew(labels, 'classes');
    return labels;
  }

  /** One to a line. Throws an `Error` with a sentence. */
  get prompts() {
    const prompts = this.values.prompts
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (prompts.length === 0) throw new Error('Prompts are missing: at least one is needed.');
    requireFew(prompts, 'prompts');
    return prompts;
  }

  /** Shows what this model takes, and whether it has a recipe; `settings`: what suits it, or nothing where the form shall stay. */
  suit({ takesPrompts, recipe, choice }, settings = {}) {
    for (const element of this.form.querySelectorAll('[data-subjects]'))
      element.hidden = (element.dataset.subjects === 'prompts') !== takesPrompts;
    for (const name of ['second', 'third']) {
      const field = this.form.elements[name];
      field.querySelector('[value=recipe]').disabled = !recipe;
      if (field.value === 'recipe' && !recipe) field.value = DEFAULTS[name];
    }
    this.fill({ ...settings, model: typeof choice === 'string' ? choice : '' });
  }

  /** The rows to draw: the run without a cache, then what was chosen. */
  get rows() {
    const { values } = this;
    return [
      { title: 'Full, every step computed', options: () => ({ policy: 'none' }) },
      ...[values.second, values.third].map((name) => {
        const { title, options, needsFactors, decidesLater } = POLICIES[name];
        return { title: title(values), options: (made) => options(values, made), needsFactors, decidesLater };
      }),
    ];
  }

  /** Only parameters that one of the caches takes. */
  #showFields() {
    const { second, third } = this.form.elements;
    const used = new Set([second, third].flatMap(({ value }) => POLICIES[value].fields));
    for (const label of this.form.querySelectorAll('[data-for]')) {
      label.hidden = !used.has(label.dataset.for);
      label.querySelector('input').disabled = label.hidden;
    }
  }

  #fromAddress() {
    const values = {};
    for (const [name, text] of new URLSearchParams(location.hash.slice(1)))
      if (name in DEFAULTS) values[name] = typeof DEFAULTS[name] === 'boolean' ? text === 'true' : text;
    return values;
  }
}

function requireFew(subjects, what) {
  if (subjects.length > MOST_SUBJECTS)
    throw new Error(
      `There are ${subjects.length} ${what}; this page draws ${MOST_SUBJECTS} pictures at most.`,
    );
}

function labelsOf(text) {
  const [, first, last] = /^(\d{1,6})\s*-\s*(\d{1,6})$/.exec(text) ?? [];
  if (first === undefined) return /^\d+$/.test(text) ? [Number(text)] : [text];
  const count = Math.min(1000, Math.max(0, last - first + 1));
  return Array.from({ length: count }, (_, i) => Number(first) + i);
}

function ordinal(n) {
  return ['', '', '2nd', '3rd'][n] ?? `${n}th`;
}
