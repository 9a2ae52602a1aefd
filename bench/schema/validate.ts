/** Checks values against the part of JSON Schema that the results need. */

export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  readonly const?: string | number;
  readonly minimum?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** False: no others than `properties`. A schema: what others must be. */
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minItems?: number;
}

/** What is wrong, a sentence each with the place in it, as in `rows[3].times.median is missing`. Empty if nothing is. */
export function violations(value: unknown, schema: JsonSchema, place = 'the file'): string[] {
  const { type } = schema;
  if (type && !isOfType(value, type)) return [`${place} is ${describe(value)}; expected ${type}`];
  if (schema.const !== undefined && value !== schema.const)
    return [`${place} is ${describe(value)}; expected ${schema.const}`];
  if (typeof value === 'number' && schema.minimum !== undefined && value < schema.minimum)
    return [`${place} is ${value}; expected at least ${schema.minimum}`];
  if (typeof value === 'string' && schema.pattern && !new RegExp(schema.pattern).test(value))
    return [`${place} is ${describe(value)}; expected ${schema.pattern}`];
  if (Array.isArray(value)) return ofArray(value, schema, place);
  if (typeof value === 'object' && value !== null)
    return ofObject(value as Record<string, unknown>, schema, place);
  return [];
}

function ofArray(value: readonly unknown[], { items, minItems = 0 }: JsonSchema, place: string): string[] {
  if (value.length < minItems) return [`${place} has ${value.length} items; expected at least ${minItems}`];
  return items ? value.flatMap((item, i) => violations(item, items, `${place}[${i}]`)) : [];
}

function ofObject(value: Record<string, unknown>, schema: JsonSchema, place: string): string[] {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const missing = required
    .filter((key) => value[key] === undefined)
    .map((key) => `${place}.${key} is missing`);
  const others = Object.entries(value).flatMap(([key, field]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (known) return field === undefined ? [] : violations(field, known, `${place}.${key}`);
    if (additionalProperties === false) return [`${place}.${key} is not a field of it`];
    return additionalProperties === true ? [] : violations(field, additionalProperties, `${place}.${key}`);
  });
  return [...missing, ...others];
}

function isOfType(value: unknown, type: NonNullable<JsonSchema['type']>): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? 'undefined');
}
