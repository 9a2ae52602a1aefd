/** The tables of operations of the C++ library: what `Op` has, and what cpp/core/plan_schema.h says of it. */
import { shareOf } from '../../dist/src/plan/batches.js';
import { expression, symbolsOf } from '../../dist/src/plan/expression.js';

const MADE = '// Made from src/plan/schema.ts by npm run plan:tables.\n';
/** Types of the items of lists; each is declared in cpp/core/plan.h. */
const ITEMS = { factors: 'FactorPair', terms: 'Term' };

/** plan_ops.h: kinds of operations, and as macros the members of `Op`, so that others can be made of the same names. */
export function declarations(schema) {
  const members = {
    operands: new Set(),
    weights: new Set(),
    counts: new Set(),
    reals: new Set(),
    lists: new Set(),
  };
  const choices = new Map();
  for (const [op, { fields }] of Object.entries(schema))
    for (const [name, field] of Object.entries(fields)) {
      const member = memberOf(schema, op, name);
      if (isOperand(field)) members[field.weight ? 'weights' : 'operands'].add(name);
      else if (field.kind === 'list') members.lists.add(name);
      else if (field.kind === 'number') members.reals.add(member);
      else if (isNamed(field)) choices.set(member, choicesOf(choices.get(member), field));
      else members.counts.add(member);
    }
  const macro = (name, items) =>
    `#define ${name}(X) \\\n  ${items.map((item) => `X(${item})`).join(' ')}\n`.replace(
      /(.{100,120}?) (?=X\()/g,
      '$1 \\\n  ',
    );
  const enums = [...choices].map(
    ([member, names]) => `enum class ${typeOf(member)} { ${names.map(identifier).join(', ')} };\n`,
  );
  const bounds = Object.values(schema)
    .flatMap(({ fields }) => Object.entries(fields))
    .filter(([, { kind, most, items }]) => kind === 'list' && Number.isFinite(most) && items.length === 1)
    .map(([name, { most }]) => `constexpr int kMost${capital(name)} = ${most};\n`);
  const list = [...members.lists].map((name) => `${itemOf(name)}, ${name}`);
  return [
    `${MADE}#pragma once\n`,
    `namespace incache {\n`,
    `enum class OpKind {\n${Object.keys(schema)
      .map((name) => `  ${name},\n`)
      .join('')}};`,
    '// The kinds again, each with the name of its kernels in C++.',
    macro(
      'INCACHE_KINDS',
      Object.keys(schema).map((name) => `${name}, ${capital(name)}`),
    ),
    `constexpr int kOpKinds = ${Object.keys(schema).length};\n`,
    ...enums,
    ...bounds,
    '// Operands, those of them that are weights of products, attributes, and lists with the types of their items.',
    macro('INCACHE_OPERANDS', [...members.operands]),
    macro('INCACHE_WEIGHTS', [...members.weights]),
    macro('INCACHE_COUNTS', [...members.counts]),
    macro('INCACHE_REALS', [...members.reals]),
    macro(
      'INCACHE_CHOICES',
      [...choices.keys()].map((member) => `${typeOf(member)}, ${member}`),
    ),
    macro('INCACHE_LISTS', list),
    `}  // namespace incache\n`,
  ].join('\n');
}

/** plan_schema.inc: the table itself, in the order of OpKind. */
export function definitions(schema) {
  const nodes = new Nodes();
  const ops = Object.entries(schema).map(([name, op]) => operation(schema, name, op, nodes));
  return `${MADE}
constexpr Node kNodes[] = {
${nodes.lines.map((line, i) => `    ${line},  // ${i}: ${nodes.texts[i]}\n`).join('')}};
constexpr const char *kSymbols[] = {${[...nodes.symbols.keys()].map((name) => `"${name}"`).join(', ')}};

std::vector<OpSchema> makeSchema() {
  return {
${ops.join('')}  };
}
`;
}

function operation(schema, name, op, nodes) {
  const fields = Object.entries(op.fields);
  const place = (field) => fields.findIndex(([each]) => each === field);
  const lists = [
    `{${fields.map(([each, field]) => `\n         ${fieldCode(schema, name, each, field, nodes, fields)}`).join(',')}}`,
    `{${checkOrder(op).map(place).join(', ')}}`,
    `{${(op.exactlyOne ?? []).map(place).join(', ')}}`,
    `{${Object.entries(op.divides ?? {})
      .map(([by, all]) => `{${place(by)}, {${all.map(place).join(', ')}}}`)
      .join(', ')}}`,
    `{${Object.entries(op.symbols ?? {})
      .map(([symbol, text]) => `{${nodes.symbol(symbol)}, ${nodes.add(text)}}`)
      .join(', ')}}`,
    nodes.add(op.macs),
    op.parts === undefined ? -1 : nodes.add(op.parts),
  ];
  return `      {"${name}",\n       ${lists.join(',\n       ')}},\n`;
}

/** As `inOrder` of src/plan/shapes.ts. */
function checkOrder({ fields }) {
  const all = Object.entries(fields).filter(([, field]) => isOperand(field) || field.kind === 'list');
  const owned = all.flatMap(([, { owns = [], sums = {} }]) => [...owns, ...Object.keys(sums)]);
  const waits = ([, field]) =>
    field.kind !== 'list' &&
    [field.rows, field.columns].some((text) =>
      symbolsOf(expression(text.split('|')[0])).some((each) => owned.includes(each)),
    );
  return [...all.filter((entry) => !waits(entry)), ...all.filter(waits)].map(([name]) => name);
}

function fieldCode(schema, op, name, field, nodes, siblings, list) {
  const member = list ? name : memberOf(schema, op, name);
  const at = list ? `o.${list}[i].${member}` : `o.${member}`;
  const access = (type) => `[](Op &o, ${list ? 'size_t i' : 'size_t'}) -> ${type} & { return ${at}; }`;
  if (isOperand(field)) {
    const [size, divided] = field.rows.split('|');
    const [columns, columnsDivided] = field.columns.split('|');
    const when = field.when ? siblings.findIndex(([each]) => each === field.when[0]) : -1;
    const shape = [
      nodes.add(size),
      divided ? nodes.add(divided) : -1,
      nodes.add(columns),
      columnsDivided ? nodes.add(columnsDivided) : -1,
      field.moved ? nodes.add(field.moved) : -1,
    ];
    const rules = [
      `Types::${field.types ?? 'float'}s`.replace('rowss', 'rows'),
      Boolean(field.optional || field.when),
      Boolean(field.weight),
      Boolean(field.inPlace),
      when,
      when < 0 ? 0 : choiceBits(siblings[when][1].choices, field.when.slice(1)),
      `Share::${shareOf(schema[op], field)}`,
    ];
    return `operand("${name}", ${field.kind === 'write'}, ${access('View')}, {${shape.join(', ')}}, {${rules.join(', ')}})`;
  }
  if (field.kind === 'integer')
    return `count("${name}", ${access('int64_t')}, ${field.least}, ${field.most}, ${list ? -1 : nodes.symbol(name)})`;
  if (field.kind === 'number') return `real("${name}", ${access('double')}, ${field.positive})`;
  if (isNamed(field)) {
    const code = choiceCode(name, member, field.choices);
    return field.optional ? `optional(${code})` : code;
  }
  if (field.kind === 'choice')
    return `number("${name}", ${access('int64_t')}, {${field.choices.join(', ')}}, ${nodes.symbol(name)})`;
  const items = field.items.map(
    (item) =>
      `{${Object.entries(item)
        .map(([key, each]) => fieldCode(schema, op, key, each, nodes, siblings, name))
        .join(',\n           ')}}`,
  );
  const sums = Object.entries(field.sums).map(([sum, text]) => `{${nodes.symbol(sum)}, ${nodes.add(text)}}`);
  const most = Number.isFinite(field.most) ? field.most : -1;
  return `list("${name}", [](const Op &o) { return o.${name}.size(); }, [](Op &o, size_t size) { o.${name}.resize(size); }, ${field.least}, ${most},\n          {${items.join(', ')}}, {${sums.join(', ')}}, {${field.owns.map((each) => nodes.symbol(each)).join(', ')}})`;
}

/** Of a choice by name. The type has the names of all operations; the value of a field is the place of one in its own. */
function choiceCode(name, member, choices) {
  const all = choices.map((each) => `${typeOf(member)}::${identifier(each)}`).join(', ');
  const names = choices.map((each) => `"${each}"`).join(', ');
  return (
    `choice("${name}", [](const Op &o, size_t) { return placeOf(o.${member}, {${all}}); }, ` +
    `[](Op &o, size_t, int64_t value) { o.${member} = atPlace(value, {${all}}); }, {${names}})`
  );
}

/** A bit for the place of each of these choices. */
function choiceBits(choices, taken) {
  return taken.reduce((bits, each) => bits | (1 << choices.indexOf(each)), 0);
}

/** Nodes of expressions, each once. */
class Nodes {
  lines = [];
  texts = [];
  symbols = new Map();
  #known = new Map();

  symbol(name) {
    if (!this.symbols.has(name)) this.symbols.set(name, this.symbols.size);
    return this.symbols.get(name);
  }

  /** The place of the node of this expression. */
  add(text) {
    return this.#place(expression(text));
  }

  #place(node) {
    const line =
      node.kind === 'number'
        ? `{'n', ${node.value}, 0}`
        : node.kind === 'symbol'
          ? `{'s', ${this.symbol(node.name)}, 0}`
          : `{'${node.kind}', ${this.#place(node.left)}, ${this.#place(node.right)}}`;
    if (!this.#known.has(line)) {
      this.#known.set(line, this.lines.length);
      this.lines.push(line);
      this.texts.push(this.#text(node));
    }
    return this.#known.get(line);
  }

  #text(node) {
    if (node.kind === 'number') return String(node.value);
    return node.kind === 'symbol'
      ? node.name
      : `(${this.#text(node.left)} ${node.kind} ${this.#text(node.right)})`;
  }
}

const isOperand = ({ kind }) => kind === 'read' || kind === 'write';
const isNamed = ({ kind, choices }) => kind === 'choice' && typeof choices[0] === 'string';
const capital = (name) => name[0].toUpperCase() + name.slice(1);
const typeOf = capital;
const identifier = (name) =>
  /^(default|float|double|int|auto|const|if|else|new)$/.test(name) ? `${name}_` : name;
const itemOf = (list) => ITEMS[list] ?? `${capital(list)}Item`;

/** An attribute that is called as some operand is, or as what every operation has, takes the name of its operation before its own. */
function memberOf(schema, op, name) {
  if (isOperand(schema[op].fields[name])) return name;
  const taken =
    ['kind', 'layer'].includes(name) ||
    Object.values(schema).some(({ fields }) => fields[name] && isOperand(fields[name]));
  return taken ? op + capital(name) : name;
}

/** The choices that any operation has. */
function choicesOf(known = [], { choices }) {
  return [...new Set([...known, ...choices])];
}
