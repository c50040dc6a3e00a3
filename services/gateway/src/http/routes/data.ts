import { api } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { QueryPath } from '../../core/query-path.ts'
import type { TableData } from '../../core/table-data.ts'
import { mount, Raw } from '../mount.ts'

export function dataRoutes(app: FastifyInstance, path: QueryPath, data: TableData): void {
  const { queries, tables, rows } = api
  mount(
    app,
    queries.query,
    async ({ params, body }) => new Raw(await path.send(params.name, 'query', body)),
  )
  mount(
    app,
    queries.batch,
    async ({ params, body }) => new Raw(await path.send(params.name, 'batch', body)),
  )

  mount(
    app,
    tables.schema,
    async ({ params, query }) => new Raw(await data.schema(params.name, query.counts)),
  )
  mount(app, tables.get, ({ params }) => data.table(params.name, params.table))
  mount(app, tables.create, ({ params, body }) => data.create(params.name, body))
  mount(app, tables.alter, ({ params, body }) => data.alter(params.name, params.table, body))
  mount(app, tables.drop, ({ params }) =>
    data.drop(params.name, params.table).then(() => undefined),
  )

  mount(app, rows.list, async ({ params, query }, { filters }) => {
    const options = { ...query, count: query.count === 'exact' }
    const { answer, total } = await data.list(params.name, params.table, filters, options)
    const range = total === undefined ? {} : { 'content-range': contentRange(query, total) }
    return new Raw(answer, undefined, range)
  })
  mount(app, rows.insert, ({ params, query, body }) =>
    data.insert(params.name, params.table, body, query.returning),
  )
  mount(app, rows.update, ({ params, query, body }, { filters }) =>
    data.update(params.name, params.table, filters, body, query.returning),
  )
  mount(app, rows.delete, ({ params, query }, { filters }) =>
    data.delete(params.name, params.table, filters, query.returning),
  )
  mount(app, rows.get, ({ params }) => data.get(params.name, params.table, params.key))
  mount(app, rows.updateOne, ({ params, query, body }) =>
    data.updateOne(params.name, params.table, params.key, body, query.returning),
  )
  mount(app, rows.deleteOne, ({ params }) =>
    data.deleteOne(params.name, params.table, params.key).then(() => undefined),
  )
}

/** As PostgREST has it: `0-24/3503`, or `*` for the range when it is empty. */
function contentRange({ offset, limit }: { offset: number; limit: number }, total: number): string {
  const last = Math.min(offset + limit, total) - 1
  return `${last < offset ? '*' : `${offset}-${last}`}/${total}`
}
