import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { LeaseLeadership } from './core/lease-leadership.ts'
import { KyselyStore } from './store/kysely-store.ts'
import type { LeaseRepo } from './store/metadata-store.ts'
import { postgresDialect } from './store/postgres-dialect.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'
import { postgresStoreSuite } from './testing/postgres-store.ts'
import { VirtualTime } from './testing/virtual-time.ts'

const log = { info: () => {}, warn: () => {}, error: () => {} }

/** How a request to the store fares. */
interface Fate {
  readonly thereMs: number
  readonly backMs: number
  readonly fails: 'no' | 'before' | 'after'
}
const SMOOTH: Fate = { thereMs: 1, backMs: 1, fails: 'no' }

let store: KyselyStore
let time: VirtualTime

beforeEach(async () => {
  time = new VirtualTime()
  store = new KyselyStore(sqliteDialect(':memory:'))
  await store.migrate()
})
afterEach(() => store.close())

function gateway(startsAt: number, { exclusive = false, over = store } = {}) {
  const clock = time.clock(startsAt)
  const network = time.clock()
  let fate = () => SMOOTH
  async function ask<T>(question: () => Promise<T>): Promise<T> {
    const { thereMs, backMs, fails } = fate()
    await network.sleep(thereMs)
    if (fails === 'before') throw new Error('the store is away')
    const answer = await question()
    await network.sleep(backMs)
    // A process that stands still takes the answer in when it goes on.
    await clock.sleep(0)
    if (fails === 'after') throw new Error('the answer was lost')
    return answer
  }
  const leases: LeaseRepo = {
    find: (name) => ask(() => over.leases.find(name)),
    take: (...args) => ask(() => over.leases.take(...args)),
    renew: (lease) => ask(() => over.leases.renew(lease)),
    release: (lease) => ask(() => over.leases.release(lease)),
  }
  const leadership = new LeaseLeadership({ leases, clock, exclusive, log })
  const heard: (number | null)[] = []
  leadership.onChange((term) => heard.push(term))
  return {
    leadership,
    heard,
    clock,
    setFate: (next: () => Fate) => {
      fate = next
    },
    get term() {
      return leadership.term
    },
  }
}

/** Starts it and lets the first attempt end. */
async function started(startsAt: number, options = {}) {
  const made = gateway(startsAt, options)
  const first = made.leadership.start()
  await time.pass(50)
  await first
  return made
}

describe('leadership', () => {
  test('the first gateway leads, others do not while it goes on', async () => {
    const a = await started(0)
    const b = await started(1_000_000)
    expect([a.term, b.term]).toEqual([1, null])
    await time.pass(60_000)
    expect([a.term, b.term]).toEqual([1, null])
    expect([a.heard, b.heard]).toEqual([[1], []])
  })

  test('one that lets go is followed within a look', async () => {
    const a = await started(0)
    const b = await started(500)
    const closed = a.leadership.close()
    await time.pass(2_100)
    await closed
    expect([a.term, b.term]).toEqual([null, 2])
    expect(a.heard).toEqual([1, null])
  })

  test('one that dies is followed after its time, and not before', async () => {
    const a = await started(0)
    const b = await started(500)
    await time.pass(10_000)
    a.clock.stands = true
    await time.pass(3_500)
    expect(b.term).toBeNull()
    await time.pass(5_500)
    expect(b.term).toBe(2)
  })

  test('one that stood still leads no more when it goes on, and hears that from itself', async () => {
    const a = await started(0)
    const b = await started(500)
    a.clock.stands = true
    await time.pass(4_100)
    expect(b.term).toBeNull()
    // The first thing that it does when it goes on is to look at its term.
    expect(a.term).toBeNull()
    await time.pass(5_000)
    expect(b.term).toBe(2)
    a.clock.stands = false
    await time.pass(10_000)
    expect([a.term, b.term]).toEqual([null, 2])
    expect(a.heard).toEqual([1, null])
  })

  test('a term that is over is not taken up again, though nobody has followed', async () => {
    const a = await started(0)
    a.clock.stands = true
    await time.pass(30_000)
    a.clock.stands = false
    await time.pass(2_000)
    expect(a.term).toBe(2)
    expect(a.heard).toEqual([1, null, 2])
  })

  test('a leader that the store does not answer stands down in time, and leads again later', async () => {
    const a = await started(0)
    await time.pass(2_000)
    a.setFate(() => ({ thereMs: 100_000, backMs: 0, fails: 'before' }))
    await time.pass(2_500)
    expect(a.term).toBe(1)
    await time.pass(3_600)
    expect(a.term).toBeNull()
    expect(a.heard).toEqual([1, null])
    a.setFate(() => SMOOTH)
    await time.pass(110_000)
    expect(a.term).toBe(2)
  })

  test('a renewal whose answer is lost costs no term', async () => {
    const a = await started(0)
    let asked = 0
    a.setFate(() => {
      asked += 1
      return asked === 1 ? { ...SMOOTH, fails: 'after' } : SMOOTH
    })
    await time.pass(30_000)
    expect(asked).toBeGreaterThan(3)
    expect(a.heard).toEqual([1])
  })

  test('a renewal that is answered after the term has ended does not bring it back', async () => {
    const a = await started(0)
    a.setFate(() => ({ thereMs: 1, backMs: 2_900, fails: 'no' }))
    await time.pass(4_000)
    expect(a.term).toBeNull()
    a.setFate(() => SMOOTH)
    await time.pass(3_000)
    expect(a.term).toBe(2)
    expect(a.heard).toEqual([1, null, 2])
  })

  test('who waits counts from when it saw the lease, not from when it asked', async () => {
    const a = await started(0)
    const b = gateway(0)
    await time.pass(2_050)
    b.setFate(() => ({ thereMs: 4_000, backMs: 1, fails: 'no' }))
    void b.leadership.start()
    await time.pass(3_900)
    b.setFate(() => SMOOTH)
    // The leader has just renewed when the question arrives, and then loses the store.
    await time.pass(60)
    a.setFate(() => ({ thereMs: 100_000, backMs: 0, fails: 'before' }))
    for (let passed = 0; passed < 8_000; passed += 50) {
      await time.pass(50)
      expect([a.term, b.term]).toContain(null)
    }
    expect(b.term).toBe(2)
  })

  test('alone with its store it leads at once, whoever led before, and for as long as it runs', async () => {
    const before = await started(0)
    before.clock.stands = true
    const a = gateway(0, { exclusive: true })
    const start = a.leadership.start()
    await time.pass(10)
    await start
    expect(a.term).toBe(2)
    a.clock.stands = true
    await time.pass(3_600_000)
    a.clock.stands = false
    expect(a.term).toBe(2)
    expect(a.heard).toEqual([2])
  })

  test('one that must lead goes on trying while the store does not answer', async () => {
    const a = gateway(0, { exclusive: true })
    a.setFate(() => ({ ...SMOOTH, fails: 'before' }))
    let isStarted = false
    const start = a.leadership.start().then(() => {
      isStarted = true
    })
    await time.pass(5_000)
    expect(isStarted).toBe(false)
    a.setFate(() => SMOOTH)
    await time.pass(1_500)
    await start
    expect(a.term).toBe(1)
  })
})

describe('leadership among three gateways that stand still and lose the store as they like', () => {
  const fates = fc.array(
    fc.record({
      thereMs: fc.oneof(fc.nat(20), fc.nat(7_000)),
      backMs: fc.oneof(fc.nat(20), fc.nat(7_000)),
      fails: fc.constantFrom('no', 'no', 'no', 'before', 'after'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  const deeds = fc.array(
    fc.record({
      who: fc.nat(2),
      stands: fc.boolean(),
      fates,
      forMs: fc.oneof(fc.integer({ min: 100, max: 2_000 }), fc.integer({ min: 100, max: 9_000 })),
    }),
    { minLength: 1, maxLength: 15 },
  )

  test('two never lead at once, terms rise, and in calm one leads', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, async (story) => {
        time = new VirtualTime()
        const over = new KyselyStore(sqliteDialect(':memory:'))
        await over.migrate()
        const all = [0, 12_345, 999].map((startsAt) => gateway(startsAt, { over }))
        for (const { leadership } of all) void leadership.start()
        let highest = 0
        const watch = async (ms: number) => {
          for (let passed = 0; passed < ms; passed += 100) {
            await time.pass(100)
            const terms = all.flatMap(({ term }) => (term === null ? [] : [term]))
            expect(terms.length).toBeLessThanOrEqual(1)
            for (const term of terms) {
              expect(term).toBeGreaterThanOrEqual(highest)
              highest = term
            }
          }
        }
        for (const { who, stands, fates: list, forMs } of story) {
          const one = all[who]
          if (!one) throw new Error('there are three')
          let at = 0
          one.clock.stands = stands
          one.setFate(() => list[at++ % list.length] ?? SMOOTH)
          await watch(forMs)
        }
        for (const one of all) {
          one.clock.stands = false
          one.setFate(() => SMOOTH)
        }
        await time.pass(40_000)
        expect(all.filter(({ term }) => term !== null)).toHaveLength(1)
        for (const { heard } of all) {
          const terms = heard.filter((term) => term !== null)
          expect(terms).toEqual([...new Set(terms)].sort((x, y) => x - y))
        }
        await over.close()
      }),
      { numRuns: 60 },
    )
  })
})

postgresStoreSuite('leadership over one database of PostgreSQL', (server) => {
  test('one of two leads, and the other one follows when that lets go', async () => {
    const url = await server.emptyDatabase()
    const stores = [1, 2].map(() => new KyselyStore(postgresDialect(url, () => {})))
    await stores[0]?.migrate()
    const all = stores.map(
      ({ leases }) => new LeaseLeadership({ leases, clock: systemClock, exclusive: false, log }),
    )
    await Promise.all(all.map((leadership) => leadership.start()))
    const leading = all.filter(({ term }) => term !== null)
    expect(leading.map(({ term }) => term)).toEqual([1])
    const other = all.find(({ term }) => term === null)
    await leading[0]?.close()
    await expect.poll(() => other?.term, { timeout: 10_000 }).toBe(2)
    await other?.close()
    await Promise.all(stores.map((each) => each.close()))
  })
})
