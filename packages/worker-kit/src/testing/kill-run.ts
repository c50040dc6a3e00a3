import { type Faults, Ledger, type Outcome } from './ledger.ts'
import type { Link } from './link.ts'
import { WriteLoad } from './write-load.ts'

export interface KillFigures {
  kills: number
  acknowledged: { single: number; batch: number; transaction: number }
  /** Under way at a kill; of these, found afterwards. */
  unknown: number
  unknownFound: number
  refused: number
  lost: number
  partial: number
  repeated: number
  unasked: number
  /** What the engine said of all that it holds, each time that it was asked: `ok` where it is whole. */
  integrity: string[]
  /** From each kill to the first query that was answered after it. */
  backMs: number[]
  seconds: number
}

export interface KillOptions {
  readonly kills: number
  readonly seed?: number
  /** Called after each start that has been checked. */
  readonly onRound?: (figures: Readonly<KillFigures>) => void
}

export interface KilledWorker {
  /** A connection to the lane that writes. */
  sql(): Promise<Link>
  end(signal: 'SIGKILL'): Promise<unknown>
}

/** What an engine's worker does in its own way. */
export interface KillTarget<W extends KilledWorker> {
  folder(): { readonly dir: string; remove(): void }
  start(dir: string): Promise<W>
  /** Kills one of the worker's processes. @returns whether the worker is gone, once it is. */
  kill(worker: W, nth: number, random: () => number): Promise<'gone' | 'goes on'>
  /** Of two parameters, into `writes (id, part)`. */
  readonly insert: string
  /** Rows by their write, from one id on, its only parameter. */
  readonly found: string
  integrity(link: Link): Promise<readonly string[]>
  /** How long there is load before a kill. */
  readonly loadMs: { readonly least: number; readonly most: number }
}

/** Rounds between checks of all that there is; what was written until then is then deleted. */
const ROUNDS_BETWEEN_CHECKS = 50
const BACK_MS_MAX = 30_000
const ASK_AGAIN_MS = 10

/** Kills a worker by SIGKILL while it writes, again and again, and looks at what is there each time that it is back. */
export async function runKills<W extends KilledWorker>(
  target: KillTarget<W>,
  options: KillOptions,
): Promise<KillFigures> {
  const folder = target.folder()
  const run = new KillRun(folder.dir, target, options)
  try {
    return await run.run()
  } finally {
    await run.end()
    folder.remove()
  }
}

class KillRun<W extends KilledWorker> {
  readonly #dir: string
  readonly #target: KillTarget<W>
  readonly #o: KillOptions
  readonly #random: () => number
  readonly #figures: KillFigures = {
    kills: 0,
    acknowledged: { single: 0, batch: 0, transaction: 0 },
    unknown: 0,
    unknownFound: 0,
    refused: 0,
    lost: 0,
    partial: 0,
    repeated: 0,
    unasked: 0,
    integrity: [],
    backMs: [],
    seconds: 0,
  }
  #worker: W | undefined
  #id = 0
  /** All rows that have been found since the last check of all that there is. */
  #rows = 0

  constructor(dir: string, target: KillTarget<W>, options: KillOptions) {
    this.#dir = dir
    this.#target = target
    this.#o = options
    this.#random = generator(options.seed ?? 1)
  }

  async run(): Promise<KillFigures> {
    const startedAt = performance.now()
    await this.#prepare()
    while (this.#figures.kills < this.#o.kills) {
      await this.#round()
      this.#figures.seconds = (performance.now() - startedAt) / 1000
      this.#o.onRound?.(this.#figures)
    }
    await this.#checkAll()
    return this.#figures
  }

  async end(): Promise<void> {
    await this.#worker?.end('SIGKILL')
  }

  async #prepare(): Promise<void> {
    this.#worker = await this.#target.start(this.#dir)
    await this.#ask('create table writes (id integer, part integer)')
    await this.#ask('create index writes_id on writes (id)')
  }

  async #round(): Promise<void> {
    const firstId = this.#id + 1
    const ledger = new Ledger()
    await this.#killUnderLoad(ledger)
    this.#note(ledger, await this.#found(firstId))
    if (this.#figures.kills % ROUNDS_BETWEEN_CHECKS === 0) await this.#checkAll()
  }

  async #killUnderLoad(ledger: Ledger): Promise<void> {
    const worker = this.#running()
    const load = new WriteLoad({
      ledger,
      nextId: () => {
        this.#id += 1
        return this.#id
      },
      random: this.#random,
      insert: this.#target.insert,
    })
    // Connected before the time begins after which it is killed.
    const links = [worker.sql(), worker.sql(), worker.sql(), worker.sql()] as const
    const loaded = load.run(await Promise.all(links))
    // Until it is waited for.
    loaded.catch(() => undefined)
    const { least, most } = this.#target.loadMs
    await pause(least + this.#random() * (most - least))
    const killedAt = performance.now()
    const left = await this.#target.kill(worker, this.#figures.kills, this.#random)
    this.#figures.kills += 1
    if (left === 'gone') this.#worker = await this.#target.start(this.#dir)
    await this.#answers()
    this.#figures.backMs.push(Math.round(performance.now() - killedAt))
    load.stop()
    await loaded
  }

  /** Asks until there is an answer. */
  async #answers(): Promise<void> {
    for (const until = performance.now() + BACK_MS_MAX; ; await pause(ASK_AGAIN_MS)) {
      try {
        await this.#ask('select count(*) from writes where id = 0')
        return
      } catch (error) {
        if (performance.now() > until) throw error
      }
    }
  }

  async #found(firstId: number): Promise<Map<number, number>> {
    const rows = await this.#ask(this.#target.found, [firstId])
    return new Map(rows.map(([id, count]) => [id as number, count as number]))
  }

  #note(ledger: Ledger, found: ReadonlyMap<number, number>): void {
    const figures = this.#figures
    for (const kind of ['single', 'batch', 'transaction'] as const)
      figures.acknowledged[kind] += ledger.count('done', kind)
    figures.refused += ledger.count('refused')
    figures.unknown += ledger.count('unknown')
    figures.unknownFound += ledger.writes.filter(
      ({ id, outcome }: { id: number; outcome: Outcome }) => outcome === 'unknown' && found.has(id),
    ).length
    const faults = ledger.compare(found)
    for (const fault of Object.keys(faults) as (keyof Faults)[]) figures[fault] += faults[fault]
    for (const rows of found.values()) this.#rows += rows
  }

  /** What was there after an earlier start is there still, and all of it is whole. */
  async #checkAll(): Promise<void> {
    const counted = (await this.#ask('select count(*) from writes'))[0]?.[0] as number
    if (counted < this.#rows) this.#figures.lost += this.#rows - counted
    if (counted > this.#rows) this.#figures.repeated += counted - this.#rows
    this.#figures.integrity.push(...(await this.#with((link) => this.#target.integrity(link))))
    await this.#ask('delete from writes')
    this.#rows = 0
  }

  #ask(sql: string, params?: unknown): Promise<unknown[][]> {
    return this.#with(async (link) => {
      const { rows } = await link.query(sql, params, { rowFormat: 'array', maxRows: 100_000 })
      return rows as unknown[][]
    })
  }

  async #with<T>(use: (link: Link) => Promise<T>): Promise<T> {
    const link = await this.#running().sql()
    try {
      return await use(link)
    } finally {
      link.close()
    }
  }

  #running(): W {
    if (!this.#worker) throw new Error('there is no worker')
    return this.#worker
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
