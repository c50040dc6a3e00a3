import { api } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { Platform } from '../../core/platform.ts'
import { mount, WithStatus } from '../mount.ts'

export function platformRoutes(
  app: FastifyInstance,
  platform: Platform,
  stopping: AbortSignal,
): void {
  const routes = api.platform
  mount(app, routes.stats, () => platform.stats())
  mount(app, routes.discovery, async () => platform.discovery())
  mount(app, routes.live, async () => ({ status: 'live' as const }))
  mount(app, routes.health, async () => {
    const health = await platform.health()
    return new WithStatus(health.status === 'healthy' ? 200 : 503, health)
  })
  mount(app, routes.ready, async () => {
    if (stopping.aborted) return new WithStatus(503, { status: 'stopping' as const })
    return (await platform.isReady())
      ? { status: 'ready' as const }
      : new WithStatus(503, { status: 'unhealthy' as const })
  })
}
