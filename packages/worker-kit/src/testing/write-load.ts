import type { Ledger, Write } from './ledger.ts'
import { type Link, LinkClosed, RemoteError } from './link.ts'

const BATCH_ROWS = 5
/** Told to a client only about what has not been done and will not be. */
const SURE_REFUSAL = new Set(['database.busy', 'transaction.ended'])
/** Told of what may have been done all the same. */
const NOT_KNOWN = 'worker.restarted'

export interface WriteLoadOptions {
  readonly ledger: Ledger
  readonly nextId: () => number
  readonly random: () => number
  /** Of two parameters, into `writes (id, part)`. */
  readonly insert: string
}

/** To the lane that writes. */
export type WriteLinks = readonly [Link, Link, Link, Link]

/** Writes of each kind at once over several connections. */
export class WriteLoad {
  readonly #ledger: Ledger
  readonly #nextId: () => number
  readonly #random: () => number
  readonly #insert: string
  #stopping = false

  constructor({ ledger, nextId, random, insert }: WriteLoadOptions) {
    this.#ledger = ledger
    this.#nextId = nextId
    this.#random = random
    this.#insert = insert
  }

  /** Ends when every connection has been closed, or when it is to. */
  async run(links: WriteLinks): Promise<void> {
    const [first, second, third, fourth] = links
    await Promise.all([
      ...Array.from({ length: 12 }, () => this.#repeat(first, () => this.#single(first))),
      ...Array.from({ length: 12 }, () => this.#repeat(second, () => this.#single(second))),
      ...Array.from({ length: 2 }, () => this.#repeat(third, () => this.#batch(third))),
      this.#repeat(fourth, () => this.#transaction(fourth)),
    ])
    for (const link of links) link.close()
  }

  /** What is under way is answered first: where the worker goes on, it would else be done at some later time. */
  stop(): void {
    this.#stopping = true
  }

  async #repeat(link: Link, once: () => Promise<void>): Promise<void> {
    try {
      while (isOpen(link) && !this.#stopping) await once()
    } catch (error) {
      if (!(error instanceof LinkClosed)) throw error
    }
  }

  #single(link: Link): Promise<void> {
    const write = this.#ledger.open(this.#nextId(), 'single', 1)
    return settle(
      write,
      link.query(this.#insert, [write.id, 0]).then(() => undefined),
    )
  }

  #batch(link: Link): Promise<void> {
    const write = this.#ledger.open(this.#nextId(), 'batch', BATCH_ROWS)
    const statements = Array.from({ length: BATCH_ROWS }, (_, part) => ({
      sql: this.#insert,
      params: [write.id, part],
    }))
    return settle(
      write,
      link.batch(statements).then(() => undefined),
    )
  }

  /** Held open for a moment, so that it is open at some of the kills; the other writers wait meanwhile. */
  async #transaction(link: Link): Promise<void> {
    await pause(this.#random() * 20)
    if (!isOpen(link)) return
    const write = this.#ledger.open(this.#nextId(), 'transaction', 3)
    await settle(write, this.#transact(link, write))
  }

  async #transact(link: Link, write: Write): Promise<void> {
    const transaction = await link.begin('write')
    for (let part = 0; part < write.rows; part += 1)
      await link.query(this.#insert, [write.id, part], { transaction })
    await pause(this.#random() * 10)
    if (!isOpen(link)) throw new LinkClosed('while the transaction was open')
    await link.commit(transaction)
  }
}

async function settle(write: Write, done: Promise<void>): Promise<void> {
  try {
    await done
    write.outcome = 'done'
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    if (error.error.code === NOT_KNOWN) return
    if (!SURE_REFUSAL.has(error.error.code)) throw error
    write.outcome = 'refused'
  }
}

const isOpen = ({ socket }: Link) => !socket.closed

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
