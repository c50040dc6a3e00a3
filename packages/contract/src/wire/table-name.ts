/**
 * How a table of an engine with schemas is called in one text: `people` in the usual schema, `sales.orders` in another.
 * What stands before the first dot is the schema, in double quotes where that has a dot or a quote of its own. So a
 * table of the usual schema whose name has a dot bears its schema too: `public.a.b`.
 */
export interface QualifiedName {
  readonly schema: string
  readonly table: string
}

const USUAL_SCHEMA = 'public'
const QUOTED = /^"((?:[^"]|"")*)"\.(.*)$/s

export function joinTableName({ schema, table }: QualifiedName): string {
  if (schema === USUAL_SCHEMA && !table.includes('.')) return table
  return `${/[."]/.test(schema) ? `"${schema.replaceAll('"', '""')}"` : schema}.${table}`
}

export function splitTableName(name: string): QualifiedName {
  const [, schema, table] = QUOTED.exec(name) ?? []
  if (schema !== undefined && table !== undefined)
    return { schema: schema.replaceAll('""', '"'), table }
  const dot = name.indexOf('.')
  return dot < 0
    ? { schema: USUAL_SCHEMA, table: name }
    : { schema: name.slice(0, dot), table: name.slice(dot + 1) }
}
