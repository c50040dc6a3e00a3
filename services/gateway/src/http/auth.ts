import type { IncomingHttpHeaders } from 'node:http'
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../core/app-error.ts'
import type { Credentials } from '../core/credentials.ts'

export const SESSION_COOKIE = 'dbforge_session'

interface Principal {
  readonly role: 'admin'
  /** Null for a token, which does not end. */
  readonly expiresAt: Date | null
}

const ADMIN: Principal = Object.freeze({ role: 'admin', expiresAt: null })

/** Every route with a scope needs the admin token or a session; a route that names no scope is closed. */
export function registerAuth(app: FastifyInstance, credentials: Credentials): void {
  app.decorateRequest('principal', null)
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.route?.scope === null || request.is404) return done()
    const token = tokenOf(request.headers)
    if (token === undefined) {
      admitSession(request, credentials).then(() => done(), done)
    } else if (credentials.isAdminToken(token)) {
      request.principal = ADMIN
      done()
    } else done(new AppError('auth.invalid'))
  })
}

async function admitSession(request: FastifyRequest, credentials: Credentials): Promise<void> {
  const secret = sessionSecret(request.headers.cookie)
  if (secret === undefined)
    throw new AppError('auth.required', 'Send “Authorization: Bearer …” or “X-API-Key: …”')
  const expiresAt = await credentials.findSession(secret)
  if (!expiresAt) throw new AppError('auth.invalid', 'The session is over; sign in again')
  requireSameOrigin(request)
  request.principal = { role: 'admin', expiresAt }
}

/** The dashboard's session in a Cookie header. */
export const sessionSecret = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : fastifyCookie.parse(header)[SESSION_COOKIE]

function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')
  if (bearer) return bearer[1]
  const key = headers['x-api-key']
  return typeof key === 'string' ? key : undefined
}

/** A browser sends the cookie by itself, so what changes something must come from the dashboard's own pages. */
export function requireSameOrigin(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  if (!isSameOrigin(request.headers, request.host)) throw new AppError('auth.origin')
}

/** Programs send neither header; a browser sends at least one with every request that changes something. */
export function isSameOrigin(headers: IncomingHttpHeaders, host: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const { origin } = headers
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null
  }
}
