import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../core/app-error.ts'

/** First segments that are the API's: what is not found there is a problem, not a page. */
const API_SEGMENTS = new Set(['admin', 'api', 'health', 'metrics', 'docs', 'openapi.json', 'ws'])

/** Hands whatever is not the API's to the dashboard's server, so that both share one address. */
export async function registerDashboard(app: FastifyInstance, upstream: string): Promise<void> {
  await app.register(httpProxy, {
    upstream,
    // It has a line of its own for each request and each answer.
    logLevel: 'warn',
    prefix: '/',
    httpMethods: ['GET', 'HEAD'],
    proxyPayloads: false,
    config: { scope: null, quiet: true },
    preHandler: (request, reply, done) => {
      const segment = request.url.split(/[/?]/, 2)[1] ?? ''
      if (API_SEGMENTS.has(segment)) reply.callNotFound()
      else done()
    },
    replyOptions: {
      // Pages hold no data of their own: what they show, the browser asks the API for.
      rewriteRequestHeaders: (
        request,
        { authorization, cookie, 'x-api-key': _key, ...headers },
      ) => ({
        ...headers,
        host: request.headers.host,
      }),
      onError: (reply, { error }) => {
        reply.send(
          new AppError('server.internal', 'The dashboard does not answer', { cause: error }),
        )
      },
    },
  })
}
