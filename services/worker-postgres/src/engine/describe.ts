import type { SchemaInfo, TableInfo } from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import { joinTableName, splitTableName } from '@db-forge/contract/wire/table-name'
import { WorkerFailure } from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import { type Backend, ServerError } from '../wire/backend.ts'

const KINDS: Readonly<Record<string, TableInfo['kind']>> = {
  r: 'table',
  p: 'table',
  f: 'virtual',
  v: 'view',
  m: 'materializedView',
}

const ACTION = (column: string) =>
  `case ${column} when 'a' then 'NO ACTION' when 'r' then 'RESTRICT' when 'c' then 'CASCADE' when 'n' then 'SET NULL' else 'SET DEFAULT' end`

/** Tables and views outside the system's own schemas, each as one JSON text, which keeps the round trips few. */
const TABLES = String.raw`
select c.oid, c.relkind, n.nspname, c.relname, json_build_object(
  'columns', coalesce((
    select json_agg(json_build_object(
      'name', a.attname,
      'type', regexp_replace(format_type(a.atttypid, a.atttypmod), '^public\.', ''),
      'nullable', not a.attnotnull,
      'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
      'primaryKey', array_position(pk.conkey, a.attnum),
      'generated', a.attgenerated <> '' or a.attidentity = 'a') order by a.attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]'),
  'primaryKey', coalesce((
    select json_agg(a.attname order by k.nth) from unnest(pk.conkey) with ordinality k(attnum, nth)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum), '[]'),
  'indexes', coalesce((
    select json_agg(json_build_object(
      'name', ic.relname,
      'columns', (select json_agg(a.attname order by k.nth)
        from unnest(i.indkey::int2[]) with ordinality k(attnum, nth)
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum and k.attnum > 0
        where k.nth <= i.indnkeyatts),
      'unique', i.indisunique,
      'partial', i.indpred is not null,
      'origin', case when i.indisprimary then 'primaryKey' when exists (
        select from pg_constraint u where u.conindid = i.indexrelid and u.contype = 'u') then 'unique' else 'index' end)
      order by ic.relname)
    from pg_index i join pg_class ic on ic.oid = i.indexrelid where i.indrelid = c.oid), '[]'),
  'foreignKeys', coalesce((
    select json_agg(json_build_object(
      'columns', (select json_agg(a.attname order by k.nth) from unnest(f.conkey) with ordinality k(attnum, nth)
        join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum),
      'schema', tn.nspname, 'table', tc.relname,
      'references', (select json_agg(a.attname order by k.nth) from unnest(f.confkey) with ordinality k(attnum, nth)
        join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.attnum),
      'onUpdate', ${ACTION('f.confupdtype')},
      'onDelete', ${ACTION('f.confdeltype')}) order by f.conname)
    from pg_constraint f join pg_class tc on tc.oid = f.confrelid join pg_namespace tn on tn.oid = tc.relnamespace
    where f.conrelid = c.oid and f.contype = 'f'), '[]'),
  'sql', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_constraint pk on pk.conrelid = c.oid and pk.contype = 'p'
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`

/** One snapshot, in which nothing can be written, and no name of a tenant's stands before the system's. */
const BEGIN =
  'begin isolation level repeatable read read only; set local search_path = pg_catalog, pg_temp'

type ForeignKey = TableInfo['foreignKeys'][number] & { readonly schema: string }

interface Row {
  readonly kind: string
  readonly schema: string
  readonly relation: string
  readonly info: Pick<TableInfo, 'columns' | 'primaryKey' | 'indexes' | 'sql'> & {
    readonly foreignKeys: readonly ForeignKey[]
  }
}

/**
 * Tables and views with their columns, keys and indexes, as their owner sees them. Rows are counted until `countUntil`.
 * @throws WorkerFailure `table.not_found`
 */
export async function describe(
  backend: Backend,
  { table, counts }: DescribeRequest,
  countUntil: number,
): Promise<SchemaInfo> {
  await backend.command(BEGIN)
  try {
    const rows = await relations(backend, table)
    if (table !== undefined && rows.length === 0)
      throw new WorkerFailure(
        'table.not_found',
        `there is no table or view named ${table.slice(0, 255)}`,
      )
    const tables: TableInfo[] = []
    for (const row of rows) {
      const counting = counts && row.kind !== 'v' && row.kind !== 'f'
      tables.push(tableInfo(row, counting ? await countRows(backend, row, countUntil) : null))
    }
    return { tables }
  } finally {
    await backend.command('rollback').catch(() => undefined)
  }
}

async function relations(backend: Backend, table: string | undefined): Promise<Row[]> {
  // The server reads a text up to its first NUL, and no name has one.
  if (table?.includes('\0')) return []
  const rows = await backend.command(
    `${TABLES}${table === undefined ? '' : isNamed(table)} order by n.nspname <> 'public', n.nspname, c.relname`,
  )
  return rows.map(([, kind, schema, relation, info]) => ({
    kind: kind ?? '',
    schema: schema ?? '',
    relation: relation ?? '',
    info: JSON.parse(info ?? '{}') as Row['info'],
  }))
}

function isNamed(name: string): string {
  const { schema, table } = splitTableName(name)
  return ` and n.nspname = ${literal(schema)}::text and c.relname = ${literal(table)}::text`
}

function tableInfo({ kind, schema, relation, info }: Row, rowCount: number | null): TableInfo {
  return {
    name: joinTableName({ schema, table: relation }),
    schema,
    kind: KINDS[kind] ?? 'table',
    ...info,
    foreignKeys: info.foreignKeys.map(({ schema: of, table, ...key }) => ({
      ...key,
      table: joinTableName({ schema: of, table }),
    })),
    rowCount,
  }
}

/** Null where there is no time left: the rest of a schema is worth having without counts. */
async function countRows(backend: Backend, { schema, relation }: Row, until: number) {
  const leftMs = Math.floor(until - nowMs())
  if (leftMs < 1) return null
  try {
    const name = `${quoted(schema)}.${quoted(relation)}`
    const [row] = await backend.command(
      `savepoint counting; set local statement_timeout = ${leftMs}; select count(*) from ${name}; release savepoint counting`,
    )
    return Number(row?.[0])
  } catch (error) {
    if (!(error instanceof ServerError)) throw error
    await backend.command('rollback to savepoint counting')
    return null
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const literal = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
