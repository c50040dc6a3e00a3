import type { FastifyInstance, preHandlerAsyncHookHandler } from 'fastify'
import type { Catalog } from '../core/catalog.ts'

/**
 * A client may ask this gateway for a database that another one has just made: before a route looks for its name in
 * memory, the store is asked about names that are not there.
 */
export function registerLookup(app: FastifyInstance, catalog: Catalog): void {
  const lookup: preHandlerAsyncHookHandler = async (request) => {
    await catalog.lookup((request.params as { readonly name: string }).name)
  }
  app.addHook('onRoute', (route) => {
    if (/:name(?:\/|$)/.test(route.url))
      route.preHandler = [lookup, ...[route.preHandler ?? []].flat()]
  })
}
