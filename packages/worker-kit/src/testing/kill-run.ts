import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Faults, Ledger, type Outcome } from './ledger.ts'
import type { Link } from './link.ts'
import { WriteLoad } from './write-load.ts'

/** A worker as a process of its own. */
export interface VictimProcess {
  /** To the lane that writes. */
  sql(): Promise<Link>
  end(signal: 'SIGKILL'): Promise<unknown>
}

/** A kind of worker, and its engine's own words for what is asked of it. */
export interface Victim {
  /** Resolves once it is ready. */
  start(dir: string): Promise<VictimProcess>
  /** Ends it, or what it needs, as the kernel would; the n-th time. */
  kill(process: VictimProcess, nth: number): Promise<unknown>
  /** With two parameters: the id of a write, and which of its rows it is. */
  readonly insert: string
  /** Ids and numbers of rows from an id on, which is the parameter. */
  readonly found: string
  /** Says `ok` if the data are whole. */
  readonly check: string
}

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
  /** What the check of the data said, each time that it was asked. */
  integrity: string[]
  /** From the start of a worker after a kill to its first answer, in milliseconds. */
  backMs: number[]
  seconds: number
}

export interface KillOptions {
  readonly victim: Victim
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
  const dir = mkdtempSync(join(tmpdir(), 'dbf-'))
  const run = new KillRun(dir, options)
  try {
    return await run.run()
  } finally {
    await run.end()
    rmSync(dir, { recursive: true, force: true })
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
    backMs: [],
    seconds: 0,
  }
  #worker: VictimProcess | undefined
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
    this.#worker = await this.#o.victim.start(this.#dir)
    await this.#ask('create table writes (id integer, part integer)')
    await this.#ask('create index writes_id on writes (id)')
  }

  async #round(): Promise<void> {
    const firstId = this.#id + 1
    const ledger = new Ledger()
    await this.#load(ledger)
    this.#figures.kills += 1
    const diedAt = performance.now()
    this.#worker = await this.#o.victim.start(this.#dir)
    const found = await this.#found(firstId)
    this.#figures.backMs.push(performance.now() - diedAt)
    this.#note(ledger, found)
    if (this.#figures.kills % ROUNDS_BETWEEN_CHECKS === 0) await this.#checkFile()
  }

  async #load(ledger: Ledger): Promise<void> {
    const worker = this.#running()
    const nextId = () => {
      this.#id += 1
      return this.#id
    }
    const load = new WriteLoad(this.#o.victim.insert, ledger, nextId, this.#random).run(() =>
      worker.sql(),
    )
    const { least, most } = LOAD_MS
    await new Promise((resolve) => setTimeout(resolve, least + this.#random() * (most - least)))
    await Promise.all([this.#o.victim.kill(worker, this.#figures.kills), load])
  }

  async #found(firstId: number): Promise<Map<number, number>> {
    const rows = await this.#ask(this.#o.victim.found, [firstId])
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
    for (const [line] of await this.#ask(this.#o.victim.check))
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

  #running(): VictimProcess {
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
