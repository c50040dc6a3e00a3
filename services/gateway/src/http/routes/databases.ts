import { Readable } from 'node:stream'
import { api } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import type { DatabaseJobs } from '../../core/database-jobs.ts'
import type { Databases } from '../../core/databases.ts'
import type { Jobs } from '../../core/jobs.ts'
import type { Spawning } from '../../core/spawning.ts'
import { mount, Raw, WithStatus } from '../mount.ts'
import { answerWithJob } from '../prefer.ts'

interface DatabaseUses {
  readonly databases: Databases
  readonly spawning: Spawning
  readonly databaseJobs: DatabaseJobs
  readonly jobs: Jobs
}

export function databaseRoutes(
  app: FastifyInstance,
  { databases, spawning, databaseJobs, jobs }: DatabaseUses,
  stopping: AbortSignal,
): void {
  const routes = api.databases
  mount(app, routes.spawn, async ({ params, body }, { request }) => {
    const { created, database } = await spawning.spawn(params.name, body ?? {}, request.claim)
    return new WithStatus(created ? 201 : 200, database)
  })
  mount(app, routes.list, ({ query }) => databases.list(query))
  mount(app, routes.get, async ({ params }) => databases.get(params.name))
  mount(app, routes.patch, ({ params, body }) => databases.patch(params.name, body))
  mount(app, routes.delete, async ({ params, query }, context) => {
    const { force, id } = query
    if (force)
      return await answerWithJob(
        jobs,
        databaseJobs.purge(params.name, id),
        context,
        () => undefined,
      )
    await databases.delete(params.name)
    return undefined
  })
  mount(app, routes.undelete, ({ params, body }) => databases.undelete(params.name, body))
  mount(app, routes.sleep, ({ params }) => databases.sleep(params.name))
  mount(app, routes.credentials, async ({ params, body }) =>
    databases.renewPassword(params.name, body),
  )
  mount(app, routes.start, ({ params }) => databases.start(params.name))
  mount(app, routes.stop, ({ params }) => databases.stop(params.name))
  mount(app, routes.restart, ({ params }, context) =>
    answerWithJob(jobs, databaseJobs.restart(params.name), context, ({ database }) =>
      databases.get(database.name),
    ),
  )
  mount(app, routes.prune, ({ params }) => databases.prune(params.name))
  mount(app, routes.stats, ({ params }) => databases.stats(params.name))
  mount(app, routes.logs, async ({ params, query }, { request }) => {
    databases.require(params.name)
    const closed = new AbortController()
    request.raw.once('close', () => closed.abort())
    const signal = AbortSignal.any([closed.signal, stopping])
    return new Raw(
      Readable.from(jsonLines(databases.logs(params.name, { ...query, signal }))),
      'application/x-ndjson',
    )
  })
}

async function* jsonLines(items: AsyncIterable<unknown>): AsyncIterable<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`
}
