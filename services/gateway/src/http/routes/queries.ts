import { api, TransactionBegin } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { QueryPath } from '../../core/query-path.ts'
import type { Transactions } from '../../core/transactions.ts'
import { negotiate } from '../accept.ts'
import { callerOf } from '../caller.ts'
import { type HandlerContext, mount, Raw } from '../mount.ts'
import { csvBody, ndjsonBody } from '../query-answer.ts'

const JSON_TYPE = 'application/json'
const NDJSON_TYPE = 'application/x-ndjson'
const QUERY_TYPES = [JSON_TYPE, ...Object.keys(api.queries.query.streams)]

/** Statements of the caller's own. */
export function queryRoutes(
  app: FastifyInstance,
  path: QueryPath,
  transactions: Transactions,
): void {
  const routes = api.queries
  mount(app, routes.query, async ({ params, body }, context) => {
    const caller = namedCaller(body, context)
    const type = negotiate(context.request.headers.accept, QUERY_TYPES)
    if (type === JSON_TYPE) return new Raw(await path.query(params.name, body, caller))
    if (type === NDJSON_TYPE) {
      const stream = await path.stream(params.name, body, 'ndjson', caller)
      return new Raw(ndjsonBody(stream, context.request.id), NDJSON_TYPE)
    }
    const stream = await path.stream(params.name, body, 'csv', caller)
    return new Raw(csvBody(stream), 'text/csv; charset=utf-8; header=present')
  })
  mount(app, routes.batch, async ({ params, body }, context) => {
    const caller = namedCaller(body, context)
    return new Raw(await path.batch(params.name, body, caller))
  })
  mount(app, routes.running, async ({ params }) => ({ items: path.list(params.name) }))
  mount(app, routes.cancel, async ({ params }) => {
    await path.cancel(params.name, params.id)
    return undefined
  })
  transactionRoutes(app, transactions)
}

function transactionRoutes(app: FastifyInstance, transactions: Transactions): void {
  const routes = api.queries
  mount(app, routes.begin, ({ params, body }, context) =>
    transactions.begin(params.name, body ?? TransactionBegin.parse({}), callerOf(context)),
  )
  mount(app, routes.transactions, async ({ params }) => ({ items: transactions.list(params.name) }))
  mount(app, routes.transactionQuery, async ({ params, body }, context) => {
    const caller = namedCaller(body, context)
    return new Raw(await transactions.query(params.name, params.id, body, caller))
  })
  mount(app, routes.commit, async ({ params }, context) => {
    await transactions.commit(params.name, params.id, callerOf(context))
    return undefined
  })
  mount(app, routes.rollback, async ({ params }, context) => {
    await transactions.rollback(params.name, params.id, callerOf(context))
    return undefined
  })
}

/** The caller also learns by which id the query can be cancelled. */
function namedCaller({ queryId }: { queryId?: string | undefined }, context: HandlerContext) {
  context.reply.header('x-query-id', queryId ?? context.request.id)
  return callerOf(context)
}
