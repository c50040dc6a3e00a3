import { api } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { Caller } from '../../core/caller.ts'
import type { QueryPath } from '../../core/query-path.ts'
import { TableData } from '../../core/table-data.ts'
import { callerOf } from '../caller.ts'
import { mount, Raw } from '../mount.ts'

/** Tables and rows: what needs no SQL from its caller. */
export function dataRoutes(app: FastifyInstance, path: QueryPath): void {
  const { tables, rows } = api
  const dataFor = (caller: Caller) => new TableData(path, caller)
  mount(
    app,
    tables.schema,
    async ({ params, query }, context) =>
      new Raw(await dataFor(callerOf(context)).schema(params.name, query.counts)),
  )
  mount(app, tables.get, ({ params }, context) =>
    dataFor(callerOf(context)).table(params.name, params.table),
  )
  mount(app, tables.extensions, ({ params }, context) =>
    dataFor(callerOf(context)).extensions(params.name),
  )
  mount(app, tables.create, ({ params, body }, context) =>
    dataFor(callerOf(context)).create(params.name, body),
  )
  mount(app, tables.alter, ({ params, body }, context) =>
    dataFor(callerOf(context)).alter(params.name, params.table, body),
  )
  mount(app, tables.drop, ({ params }, context) =>
    dataFor(callerOf(context))
      .drop(params.name, params.table)
      .then(() => undefined),
  )

  mount(app, rows.list, async ({ params, query }, context) => {
    const options = { ...query, count: query.count === 'exact' }
    const { answer, total } = await dataFor(callerOf(context)).list(
      params.name,
      params.table,
      context.filters,
      options,
    )
    const range = total === undefined ? {} : { 'content-range': contentRange(query, total) }
    return new Raw(answer, undefined, range)
  })
  mount(app, rows.insert, ({ params, query, body }, context) =>
    dataFor(callerOf(context)).insert(params.name, params.table, body, query.returning),
  )
  mount(app, rows.update, ({ params, query, body }, context) =>
    dataFor(callerOf(context)).update(
      params.name,
      params.table,
      context.filters,
      body,
      query.returning,
    ),
  )
  mount(app, rows.delete, ({ params, query }, context) =>
    dataFor(callerOf(context)).delete(params.name, params.table, context.filters, query.returning),
  )
  mount(app, rows.get, ({ params }, context) =>
    dataFor(callerOf(context)).get(params.name, params.table, params.key),
  )
  mount(app, rows.updateOne, ({ params, query, body }, context) =>
    dataFor(callerOf(context)).updateOne(
      params.name,
      params.table,
      params.key,
      body,
      query.returning,
    ),
  )
  mount(app, rows.deleteOne, ({ params }, context) =>
    dataFor(callerOf(context))
      .deleteOne(params.name, params.table, params.key)
      .then(() => undefined),
  )
}

/** As PostgREST has it: `0-24/3503`, or `*` for the range when it is empty. */
function contentRange({ offset, limit }: { offset: number; limit: number }, total: number): string {
  const last = Math.min(offset + limit, total) - 1
  return `${last < offset ? '*' : `${offset}-${last}`}/${total}`
}
