import type { FastifyInstance } from 'fastify'

/**
 * One line for each request. It names the route and the database but holds neither query strings nor row keys
 * nor bodies: those are the users' data.
 */
export function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { name } = (request.params ?? {}) as { name?: string }
    const status = reply.statusCode
    const level = status >= 500 ? 'warn' : request.routeOptions.config.quiet ? 'debug' : 'info'
    request.log[level](
      {
        method: request.method,
        route: request.is404 ? undefined : request.routeOptions.url,
        database: name,
        status,
        code: request.problemCode,
        durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
        ip: request.ip,
      },
      'request',
    )
    done()
  })
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked too often to be worth a line: health and the dashboard's files. */
    quiet?: boolean
  }
}
