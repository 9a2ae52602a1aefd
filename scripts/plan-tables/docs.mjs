/** The table of operations in docs/plans.md. */

/** One row per operation: its operands with their shapes, its attributes, and what it computes. */
export function docsTable(schema) {
  const rows = Object.entries(schema).map(
    ([name, op]) => `| \`${name}\` | ${fieldsText(op)} | ${op.meaning.replaceAll('|', '\\|')} |`,
  );
  return ['', '| operation | fields | what it does |', '|---|---|---|', ...rows, '', ''].join('\n');
}

function fieldsText({ fields, exactlyOne = [], symbols = {} }) {
  const texts = Object.entries(fields).map(([name, field]) => fieldText(name, field, exactlyOne));
  const where = Object.entries(symbols).map(([symbol, text]) => `${symbol} = ${text}`);
  return [...texts, ...where].join(', ');
}

function fieldText(name, field, exactlyOne) {
  if (field.kind === 'read' || field.kind === 'write') {
    const notes = [
      field.types === 'integer' && 'i32',
      exactlyOne.includes(name) && `or ${exactlyOne.filter((other) => other !== name).join(', ')}`,
      field.when && `with ${field.when[0]} ${field.when.slice(1).join(' or ')}`,
    ].filter(Boolean);
    const shape = `${field.rows.replace('|', ' dividing ')} x ${field.columns.replace('|', ' dividing ')}`;
    return `${name}${field.optional || field.when ? '?' : ''} (${[shape, ...notes].join('; ')})`;
  }
  if (field.kind === 'choice') return `${name}${field.optional ? '?' : ''} (${field.choices.join(', ')})`;
  if (field.kind === 'list') {
    const items = field.items.map((item) =>
      Object.entries(item)
        .map(([key, each]) => fieldText(key, each, []))
        .join(', '),
    );
    const sums = Object.entries(field.sums).filter(([, each]) => /^\w+$/.test(each));
    const notes = sums.map(([sum, each]) => `${sum} = sum of ${each}`);
    return `${name} [${items.map((item) => `{${item}}`).join(', ')}${countText(field)}]${notes.length ? ` (${notes.join(', ')})` : ''}`;
  }
  return name;
}

function countText({ least, most, items }) {
  if (items.length > 1) return '';
  return most === Number.POSITIVE_INFINITY ? ', ...' : `, ...: ${least} to ${most}`;
}
