import { api } from '@db-forge/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../core/app-error.ts'
import type { Credentials } from '../../core/credentials.ts'
import { requireSameOrigin, SESSION_COOKIE, sessionSecret } from '../auth.ts'
import { mount } from '../mount.ts'

/** Signing in to the dashboard: the token is exchanged for a cookie that no script can read. */
export function sessionRoutes(app: FastifyInstance, credentials: Credentials): void {
  const routes = api.session
  mount(app, routes.create, async ({ body }, { request, reply }) => {
    requireSameOrigin(request)
    if (!credentials.isAdminToken(body.token.trim())) throw new AppError('auth.invalid')
    const { secret, expiresAt } = await credentials.openSession()
    setCookie(request, reply, secret, expiresAt)
    return { role: 'admin' as const, expiresAt: expiresAt.toISOString() }
  })
  mount(app, routes.get, async (_input, { request }) => ({
    role: 'admin' as const,
    expiresAt: request.principal?.expiresAt?.toISOString() ?? null,
  }))
  mount(app, routes.delete, async (_input, { request, reply }) => {
    requireSameOrigin(request)
    const secret = sessionSecret(request.headers.cookie)
    if (secret !== undefined) await credentials.closeSession(secret)
    reply.clearCookie(SESSION_COOKIE, { path: '/' })
    return undefined
  })
}

function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  secret: string,
  expires: Date,
): void {
  reply.setCookie(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: request.protocol === 'https',
    expires,
  })
}
