import { temporaryFolder, WorkerProcess } from '../testing/worker-process.ts'
import { type Faults, Ledger, type Outcome } from './ledger.ts'
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
  /** What PRAGMA integrity_check said, each time that it was asked. */
  integrity: string[]
  seconds: number
}

export interface KillOptions {
  readonly kills: number
  readonly seed?: number
  /** Called after each start that has been checked. */
  readonly onRound?: (figures: Readonly<KillFigures>) => void
}

/** Rounds between checks of the whole file; what was written until then is then deleted. */
const ROUNDS_BETWEEN_CHECKS = 50
const LOAD_MS = { least: 15, most: 90 }

/** Ends a worker by SIGKILL while it writes, again and again, and looks at what is there after each start. */
export async function runKills(options: KillOptions): Promise<KillFigures> {
  const folder = temporaryFolder()
  const run = new KillRun(folder.dir, options)
  try {
    return await run.run()
  } finally {
    await run.end()
    folder.remove()
  }
}

class KillRun {
  readonly #dir: string
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
    seconds: 0,
  }
  #worker: WorkerProcess | undefined
  #id = 0
  /** All rows that have been found since the last check of the file. */
  #rows = 0

  constructor(dir: string, options: KillOptions) {
    this.#dir = dir
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
    await this.#checkFile()
    return this.#figures
  }

  async end(): Promise<void> {
    await this.#worker?.end('SIGKILL')
  }

  async #prepare(): Promise<void> {
    this.#worker = await WorkerProcess.start(this.#dir)
    await this.#ask('create table writes (id integer, part integer)')
    await this.#ask('create index writes_id on writes (id)')
  }

  async #round(): Promise<void> {
    const firstId = this.#id + 1
    const ledger = new Ledger()
    await this.#load(ledger)
    this.#figures.kills += 1
    this.#worker = await WorkerProcess.start(this.#dir)
    const found = await this.#found(firstId)
    this.#note(ledger, found)
    if (this.#figures.kills % ROUNDS_BETWEEN_CHECKS === 0) await this.#checkFile()
  }

  async #load(ledger: Ledger): Promise<void> {
    const worker = this.#running()
    const nextId = () => {
      this.#id += 1
      return this.#id
    }
    const load = new WriteLoad(ledger, nextId, this.#random).run(() => worker.sql())
    const { least, most } = LOAD_MS
    await new Promise((resolve) => setTimeout(resolve, least + this.#random() * (most - least)))
    await Promise.all([worker.end('SIGKILL'), load])
  }

  async #found(firstId: number): Promise<Map<number, number>> {
    const sql = 'select id, count(*) as rows from writes where id >= ? group by id'
    const rows = await this.#ask(sql, [firstId])
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

  /** What was there after an earlier start is there still, and the file is whole. */
  async #checkFile(): Promise<void> {
    const counted = (await this.#ask('select count(*) from writes'))[0]?.[0] as number
    if (counted < this.#rows) this.#figures.lost += this.#rows - counted
    if (counted > this.#rows) this.#figures.repeated += counted - this.#rows
    for (const [line] of await this.#ask('pragma integrity_check'))
      this.#figures.integrity.push(line as string)
    await this.#ask('delete from writes')
    this.#rows = 0
  }

  async #ask(sql: string, params?: unknown): Promise<unknown[][]> {
    const link = await this.#running().sql()
    try {
      const { rows } = await link.query(sql, params, { rowFormat: 'array', maxRows: 100_000 })
      return rows as unknown[][]
    } finally {
      link.close()
    }
  }

  #running(): WorkerProcess {
    if (!this.#worker) throw new Error('there is no worker')
    return this.#worker
  }
}

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
