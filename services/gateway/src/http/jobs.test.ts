import type { Database, Job } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const ASYNC = { prefer: 'respond-async' }

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

const spawn = (name: string) => g.call<Database>('POST', `/admin/databases/spawn/${name}`)
const jobs = async (query = '') =>
  (await g.call<{ items: Job[] }>('GET', `/admin/jobs${query}`)).body.items
const over = async (id: string) =>
  await vi.waitFor(
    async () => {
      const { body } = await g.call<Job>('GET', `/admin/jobs/${id}`)
      expect(['succeeded', 'failed', 'cancelled']).toContain(body.state)
      return body
    },
    { timeout: 10_000 },
  )

describe('restart and purge are jobs', () => {
  test('who waits for a restart gets the database', async () => {
    await spawn('patient')
    const before = await g.workerPid('patient')
    const answer = await g.call<Database>('POST', '/admin/databases/patient/restart')
    expect(answer).toMatchObject({ status: 200, body: { name: 'patient', state: 'running' } })
    expect(answer.headers).not.toHaveProperty('preference-applied')
    expect(await g.workerPid('patient')).not.toBe(before)
    expect(await jobs('?database=patient')).toMatchObject([
      { kind: 'restart', state: 'succeeded', phase: 'starting', database: { name: 'patient' } },
    ])
  })

  test('who would rather not wait gets the job, and a second restart is the same one', async () => {
    const { body } = await spawn('hasty')
    const before = await g.workerPid('hasty')
    const [first, second] = await Promise.all([
      g.call<Job>('POST', '/admin/databases/hasty/restart', undefined, {
        prefer: 'wait=10, Respond-Async; x=1',
      }),
      g.call<Job>('POST', '/admin/databases/hasty/restart', undefined, ASYNC),
    ])
    expect(first).toMatchObject({
      status: 202,
      headers: { location: `/admin/jobs/${first.body.id}`, 'preference-applied': 'respond-async' },
      body: { kind: 'restart', database: { id: body.id, name: 'hasty' }, finishedAt: null },
    })
    expect(second.body.id).toBe(first.body.id)
    expect(await over(first.body.id)).toMatchObject({ state: 'succeeded', error: null })
    expect(await g.workerPid('hasty')).not.toBe(before)
    expect(await jobs(`?database=${body.id}&state=succeeded`)).toHaveLength(1)
    expect(await g.problem('POST', `/admin/jobs/${first.body.id}/cancel`)).toMatchObject({
      status: 409,
      code: 'job.finished',
    })
  })

  test('what cannot be restarted is no job', async () => {
    await spawn('still')
    await g.call('POST', '/admin/databases/still/stop')
    expect(await g.call('POST', '/admin/databases/still/restart', undefined, ASYNC)).toMatchObject({
      status: 409,
      body: { code: 'database.stopped' },
    })
    expect(await jobs('?database=still')).toEqual([])
    expect(await g.problem('POST', '/admin/databases/nobody/restart')).toMatchObject({
      code: 'database.not_found',
    })
  })

  test('a forced deletion is a job that outlives its database', async () => {
    await spawn('doomed')
    const answer = await g.call<Job>(
      'DELETE',
      '/admin/databases/doomed?force=true',
      undefined,
      ASYNC,
    )
    expect(answer).toMatchObject({ status: 202, body: { kind: 'purge' } })
    expect(await over(answer.body.id)).toMatchObject({ state: 'succeeded' })
    expect(await g.problem('GET', '/admin/databases/doomed')).toMatchObject({ status: 404 })
    await spawn('doomed')
    expect(await g.call('DELETE', '/admin/databases/doomed?force=true')).toMatchObject({
      status: 204,
      body: '',
    })
    expect(await jobs('?database=doomed')).toHaveLength(2)
  })

  test('jobs page, and one that there is not is not found', async () => {
    const first = await g.call<{ items: Job[]; nextCursor: string }>('GET', '/admin/jobs?limit=1')
    const next = await g.call<{ items: Job[] }>(
      'GET',
      `/admin/jobs?limit=1&cursor=${first.body.nextCursor}`,
    )
    expect(next.body.items[0]?.id).not.toBe(first.body.items[0]?.id)
    expect(await g.problem('GET', '/admin/jobs/job_222222222222')).toMatchObject({
      status: 404,
      code: 'job.not_found',
    })
  })

  test('a restart that was under way when the gateway ended is done by the next one', async () => {
    const { body } = await g.call<Job>('POST', '/admin/databases/hasty/restart', undefined, ASYNC)
    g = await g.reopen()
    expect(await over(body.id)).toMatchObject({ state: 'succeeded' })
    expect(await g.call('POST', '/api/db/hasty/query', { sql: 'select 1' })).toMatchObject({
      status: 200,
    })
  })
})
