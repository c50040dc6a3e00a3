import { api } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { Jobs } from '../../core/jobs.ts'
import { mount } from '../mount.ts'

export function jobRoutes(app: FastifyInstance, jobs: Jobs): void {
  const routes = api.jobs
  mount(app, routes.list, ({ query }) => jobs.list(query))
  mount(app, routes.get, ({ params }) => jobs.get(params.id))
  mount(app, routes.cancel, ({ params }) => jobs.cancel(params.id))
}
