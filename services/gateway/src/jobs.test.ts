import { isOver, type Job } from '@db-forge/contract'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { JobContext } from './core/job-run.ts'
import { type JobKinds, Jobs } from './core/jobs.ts'
import { createMemoryEventBus } from './events/memory-event-bus.ts'
import { KyselyStore } from './store/kysely-store.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'

const SHOP = { id: 'db_222222222222', name: 'Shop' }
const OTHER = { id: 'db_333333333333', name: 'other' }
const quiet = { info() {}, warn() {}, error() {} }

/** Work that goes on until a test lets it end. */
class Held {
  readonly begun: string[] = []
  atOnce = 0
  most = 0
  readonly #letGo = new Map<string, (error?: Error) => void>()

  async run({ id }: { id: string }, _input: unknown, { signal }: JobContext): Promise<string> {
    this.begun.push(id)
    this.most = Math.max(this.most, ++this.atOnce)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#letGo.set(id, (error) => (error ? reject(error) : resolve()))
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    } finally {
      this.atOnce -= 1
    }
    return 'done'
  }

  async end(id: string, error?: Error): Promise<void> {
    await vi.waitFor(() => expect(this.#letGo.has(id)).toBe(true))
    const letGo = this.#letGo.get(id)
    this.#letGo.delete(id)
    letGo?.(error)
  }
}

describe('jobs', () => {
  let store: KyselyStore
  let held: Held
  let changes: Job[]
  const open: Jobs[] = []
  const events = createMemoryEventBus((error) => {
    throw error
  })
  events.subscribe((event) => {
    if (event.type === 'job.changed') changes.push(event.job)
  })

  beforeEach(async () => {
    store = new KyselyStore(sqliteDialect(':memory:'))
    await store.migrate()
    held = new Held()
    changes = []
  })
  afterEach(async () => {
    for (const jobs of open.splice(0)) await jobs.close()
    await store.close()
  })

  function gateway(kinds: JobKinds = {}, now = () => new Date()): Jobs {
    const all = {
      held: { run: held.run.bind(held) },
      other: { run: held.run.bind(held) },
      ...kinds,
    }
    const jobs = new Jobs({ repo: store.jobs, events, kinds: all, log: quiet, now })
    open.push(jobs)
    return jobs
  }
  async function started(jobs: Jobs): Promise<Jobs> {
    jobs.start()
    await jobs.resume()
    return jobs
  }
  const stateOf = async (id: string) => (await store.jobs.find(id))?.state

  test('a job goes through its states, each told with a number that rises', async () => {
    const jobs = gateway({
      steps: {
        async run(_subject, input, context) {
          context.phase('first')
          context.phase('second')
          return { input }
        },
      },
    })
    await started(jobs)
    const { id } = await jobs.submit('steps', SHOP, 7)
    expect(await jobs.success(id)).toMatchObject({
      state: 'succeeded',
      phase: 'second',
      result: { input: 7 },
      database: SHOP,
    })
    expect(changes.map(({ state, phase }) => [state, phase])).toEqual([
      ['queued', null],
      ['running', null],
      ['running', 'first'],
      ['running', 'second'],
      ['succeeded', 'second'],
    ])
    expect(changes.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5])
  })

  test('progress is written now and then, and its last figure always', async () => {
    const jobs = gateway({
      count: {
        async run(_subject, _input, context) {
          for (let n = 1; n <= 5000; n++) context.progress(n, 5000, 'rows')
        },
      },
    })
    await started(jobs)
    const { id } = await jobs.submit('count', SHOP)
    expect((await jobs.success(id)).progress).toEqual({ done: 5000, total: 5000, unit: 'rows' })
    expect(changes.length).toBeLessThan(6)
  })

  test('what fails says with which code, and what was not foreseen says no more than that', async () => {
    const jobs = gateway()
    await started(jobs)
    const { id } = await jobs.submit('held', SHOP)
    await held.end(SHOP.id, new Error('a secret'))
    await expect(jobs.success(id)).rejects.toMatchObject({ code: 'server.internal' })
    expect(await jobs.get(id)).toMatchObject({
      state: 'failed',
      error: { code: 'server.internal' },
    })
    expect(JSON.stringify(changes)).not.toContain('secret')
    const unknown = await jobs.submit('nothing', SHOP)
    await expect(jobs.success(unknown.id)).rejects.toMatchObject({ code: 'server.internal' })
  })

  test('asked for again while it is not over, it is the same job', async () => {
    const jobs = gateway()
    await started(jobs)
    const asked = await Promise.all(Array.from({ length: 5 }, () => jobs.submit('held', SHOP)))
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1)
    expect((await jobs.submit('other', SHOP)).id).not.toBe(asked[0]?.id)
    await held.end(SHOP.id)
    await jobs.end(asked[0]?.id ?? '')
    expect((await jobs.submit('held', SHOP)).id).not.toBe(asked[0]?.id)
  })

  test('one database has one at a time, all together have a few', async () => {
    const jobs = gateway()
    await started(jobs)
    const first = await jobs.submit('held', SHOP)
    const second = await jobs.submit('other', SHOP)
    await vi.waitFor(async () => expect(await stateOf(first.id)).toBe('running'))
    expect(await stateOf(second.id)).toBe('queued')
    const ids = [...'abcdef'].map((letter) => letter.padStart(12, '2')).map((id) => `db_${id}`)
    for (const id of ids) await jobs.submit('held', { id, name: id })
    await vi.waitFor(() => expect(held.atOnce).toBe(4))
    for (const id of [SHOP.id, SHOP.id, ...ids]) await held.end(id)
    await jobs.success(second.id)
    await vi.waitFor(() => expect(held.begun).toHaveLength(8))
    expect(held.most).toBe(4)
  })

  test('one that waits is cancelled at once, one that runs is told, one that is over is not', async () => {
    const jobs = gateway()
    await started(jobs)
    const first = await jobs.submit('held', SHOP)
    const second = await jobs.submit('other', SHOP)
    expect(await jobs.cancel(second.id)).toMatchObject({ state: 'cancelled', startedAt: null })
    await vi.waitFor(async () => expect(await stateOf(first.id)).toBe('running'))
    expect(await jobs.cancel(first.id)).toMatchObject({ cancelRequested: true })
    expect(await jobs.end(first.id)).toMatchObject({ state: 'cancelled', error: null })
    await expect(jobs.success(first.id)).rejects.toMatchObject({ code: 'job.cancelled' })
    await expect(jobs.cancel(first.id)).rejects.toMatchObject({ code: 'job.finished' })
    await expect(jobs.cancel('job_222222222222')).rejects.toMatchObject({ code: 'job.not_found' })
    expect(held.begun).toEqual([SHOP.id])
  })

  test('a job cancelled at the moment it is taken up is cancelled', async () => {
    const jobs = gateway()
    await started(jobs)
    const { id } = await jobs.submit('held', SHOP)
    await jobs.cancel(id)
    expect(await jobs.end(id)).toMatchObject({ state: 'cancelled' })
  })

  test('what a gateway leaves undone the next one runs again, unless it was to be cancelled', async () => {
    const gone = gateway()
    await started(gone)
    const running = await gone.submit('held', SHOP)
    const queued = await gone.submit('other', SHOP)
    const unwanted = await gone.submit('held', OTHER)
    await vi.waitFor(() => expect(held.begun).toEqual([SHOP.id, OTHER.id]))
    const waiting = gone.success(running.id)
    waiting.catch(() => {})
    await gone.close()
    await expect(waiting).rejects.toMatchObject({ code: 'server.stopping' })
    const { revision = 0 } = (await store.jobs.find(unwanted.id)) ?? {}
    await store.jobs.update(unwanted.id, revision, { cancelRequested: true })
    const next = gateway()
    await started(next)
    expect(await stateOf(unwanted.id)).toBe('cancelled')
    await vi.waitFor(() => expect(held.begun).toEqual([SHOP.id, OTHER.id, SHOP.id]))
    expect((await next.submit('held', SHOP)).id).toBe(running.id)
    await held.end(SHOP.id)
    await held.end(SHOP.id)
    await next.success(queued.id)
    expect(await next.get(running.id)).toMatchObject({ state: 'succeeded' })
  })

  test('a gateway from which a job was taken ends its work and writes nothing more', async () => {
    const slow = gateway()
    await started(slow)
    const { id } = await slow.submit('held', SHOP)
    await vi.waitFor(() => expect(held.atOnce).toBe(1))
    const next = gateway({ held: { run: async () => 'the next' } })
    await started(next)
    expect(await next.end(id)).toMatchObject({ result: 'the next' })
    await slow.cancel(id).catch(() => {})
    await slow.close()
    expect(await next.get(id)).toMatchObject({ state: 'succeeded', result: 'the next' })
  })

  test('one that does not run jobs leaves them to the one that does, and may cancel them', async () => {
    const leader = await started(gateway())
    const other = gateway()
    other.start()
    const { id } = await other.submit('held', SHOP)
    const waiting = other.success(id)
    await held.end(SHOP.id)
    expect(await waiting).toMatchObject({ state: 'succeeded' })
    const unwanted = await other.submit('held', OTHER)
    await vi.waitFor(() => expect(held.begun).toEqual([SHOP.id, OTHER.id]))
    await other.cancel(unwanted.id)
    expect(await other.end(unwanted.id)).toMatchObject({ state: 'cancelled' })
    await leader.suspend()
    const later = await other.submit('held', SHOP)
    expect(await stateOf(later.id)).toBe('queued')
    await leader.resume()
    await held.end(SHOP.id)
    expect(await other.success(later.id)).toMatchObject({ state: 'succeeded' })
  })

  test('lists page by time and filter by database and state; what is old is gone', async () => {
    let at = Date.UTC(2030, 0, 1)
    const jobs = gateway({ quick: { run: async () => null } }, () => new Date(at))
    await started(jobs)
    const ids: string[] = []
    for (const subject of [SHOP, OTHER, SHOP]) {
      const { id } = await jobs.submit('quick', subject)
      await jobs.success(id)
      ids.unshift(id)
    }
    const listed = async (query: object) => (await jobs.list({ limit: 10, ...query })).items
    expect((await listed({})).map(({ id }) => id).sort()).toEqual([...ids].sort())
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await jobs.list({ limit: 2, cursor })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect([...seen].sort()).toEqual([...ids].sort())
    expect(await listed({ database: 'SHOP' })).toHaveLength(2)
    expect(await listed({ database: OTHER.id })).toHaveLength(1)
    expect(await listed({ state: 'failed' })).toEqual([])
    expect((await listed({ state: 'succeeded' })).every(isOver)).toBe(true)
    at += 7 * 86_400_000 + 1
    await started(gateway({}, () => new Date(at)))
    expect(await listed({})).toEqual([])
  })
})
