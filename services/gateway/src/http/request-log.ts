import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * One line for each request. It names the route and the database but holds neither query strings nor row keys
 * nor bodies: those are the users' data.
 */
export function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    app.log[levelOf(request, reply)](lineOf(request, reply), 'request')
    done()
  })
}

function levelOf(request: FastifyRequest, reply: FastifyReply): 'warn' | 'debug' | 'info' {
  if (reply.statusCode >= 500) return 'warn'
  return request.route?.quiet ? 'debug' : 'info'
}

const lineOf = (request: FastifyRequest, reply: FastifyReply) => ({
  reqId: request.id,
  method: request.method,
  route: request.route?.url,
  database: (request.params as { name?: string } | undefined)?.name,
  status: reply.statusCode,
  code: request.problemCode,
  durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
  ip: request.ip,
})

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked too often to be worth a line: health and the dashboard's files. */
    quiet?: boolean
  }
}
