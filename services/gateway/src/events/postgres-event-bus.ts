import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { connectionOptions } from '../store/postgres-connection.ts'
import type { EventBus, EventListener, PlatformEvent } from './event-bus.ts'
import { EventReference, referenceTo } from './event-reference.ts'
import { createMemoryEventBus } from './memory-event-bus.ts'

const CHANNEL = 'dbforge_events'
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 5_000
/** A connection on which nothing is ever asked would not notice that its server is gone. */
const PING_MS = 5_000
/** What waits to be read from the store. More is not kept: reading everything again is cheaper. */
const WAITING_MAX = 1_000

const Message = z.object({ from: z.string(), event: EventReference })

/** What an event of another gateway comes to here; null for what is known already. */
export type ReferenceResolver = (reference: EventReference) => Promise<PlatformEvent | null>

export interface PostgresEventBusOptions {
  readonly url: string
  readonly resolve: ReferenceResolver
  readonly onError: (error: unknown) => void
  readonly clock: Clock
}

/**
 * Events among gateways that share a store, by NOTIFY on a connection of its own. While that is lost nothing is sent or
 * heard; what there was to hear is made up for by a `gap` here, what there was to send by one for the others.
 */
export class PostgresEventBus implements EventBus {
  readonly #o: PostgresEventBusOptions
  readonly #local: EventBus
  readonly #sender = randomUUID()
  readonly #closing = new AbortController()
  #client: pg.Client | null = null
  readonly #outgoing: string[] = []
  #sending: Promise<void> | undefined
  #received: Promise<void> = Promise.resolve()
  #waiting = 0
  /** Something was heard that could not be read. */
  #missed = false
  /** Others have not been told of something. */
  #unsent = false

  private constructor(options: PostgresEventBusOptions) {
    this.#o = options
    this.#local = createMemoryEventBus(options.onError)
  }

  /** Hears what is published from now on. Rejects if the server cannot be reached. */
  static async open(options: PostgresEventBusOptions): Promise<PostgresEventBus> {
    const bus = new PostgresEventBus(options)
    await bus.#connect()
    return bus
  }

  publish(event: PlatformEvent): void {
    this.#local.publish(event)
    this.#send(referenceTo(event))
  }

  deliver(event: PlatformEvent): void {
    this.#local.deliver(event)
  }

  subscribe(listener: EventListener): () => void {
    return this.#local.subscribe(listener)
  }

  /** What was published before is sent. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#sending
    const client = this.#client
    this.#client = null
    await client?.end()
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(connectionOptions(this.#o.url))
    client.on('error', (error) => this.#lost(client, error))
    client.on('end', () => this.#lost(client, new Error('the connection for events has ended')))
    client.on('notification', ({ payload }) => this.#hear(payload ?? ''))
    try {
      await client.connect()
      await client.query(`listen ${CHANNEL}`)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    if (this.#closing.signal.aborted) return client.end()
    this.#client = client
    this.#keepAsking(client)
  }

  #lost(client: pg.Client, error: Error): void {
    if (this.#client !== client) return
    this.#client = null
    client.end().catch(() => {})
    if (this.#closing.signal.aborted) return
    this.#o.onError(error)
    void this.#reconnect()
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing
    for (let pauseMs = BACKOFF_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, BACKOFF_MS_MAX)) {
      try {
        await this.#o.clock.sleep(pauseMs * (0.5 + Math.random() / 2), signal)
        await this.#connect()
        break
      } catch (error) {
        if (signal.aborted) return
        this.#o.onError(error)
      }
    }
    if (signal.aborted) return
    if (this.#unsent) this.#sendGap()
    this.deliver({ type: 'gap' })
  }

  #keepAsking(client: pg.Client): void {
    this.#o.clock.after(PING_MS, () => {
      if (this.#client !== client) return
      if (this.#unsent) this.#sendGap()
      void this.#sendAll().then(() => this.#keepAsking(client))
    })
  }

  #sendGap(): void {
    this.#unsent = false
    this.#send({ type: 'gap' })
  }

  #send(event: EventReference): void {
    if (!this.#client || this.#outgoing.length >= WAITING_MAX) {
      this.#unsent = true
      return
    }
    this.#outgoing.push(JSON.stringify({ from: this.#sender, event }))
    void this.#sendAll()
  }

  /** What is published in one turn, or while some is on its way, goes together. */
  #sendAll(): Promise<void> {
    this.#sending ??= this.#flush()
    return this.#sending
  }

  /** Also asks the server whether it is there, where there is nothing to send. Never rejects. */
  async #flush(): Promise<void> {
    await Promise.resolve()
    do {
      const client = this.#client
      const messages = this.#outgoing.splice(0)
      try {
        if (!client) throw new Error('the connection for events is gone')
        await client.query('select pg_notify($1, unnest($2::text[]))', [CHANNEL, messages])
      } catch (error) {
        if (messages.length > 0) this.#unsent = true
        this.#o.onError(error)
      }
    } while (this.#outgoing.length > 0)
    this.#sending = undefined
  }

  #hear(payload: string): void {
    const event = this.#eventOf(payload)
    if (!event) return
    if (this.#waiting >= WAITING_MAX) {
      this.#missed = true
      return
    }
    this.#waiting += 1
    this.#received = this.#received.then(() => this.#take(event))
  }

  /** Null for its own, and for what a gateway of another version may say. */
  #eventOf(payload: string): EventReference | null {
    try {
      const message = Message.parse(JSON.parse(payload))
      return message.from === this.#sender ? null : message.event
    } catch {
      return null
    }
  }

  async #take(reference: EventReference): Promise<void> {
    try {
      const event = await this.#o.resolve(reference)
      if (event && !this.#closing.signal.aborted) this.deliver(event)
    } catch (error) {
      this.#missed = true
      this.#o.onError(error)
    }
    this.#waiting -= 1
    if (this.#waiting > 0 || !this.#missed) return
    this.#missed = false
    if (!this.#closing.signal.aborted) this.deliver({ type: 'gap' })
  }
}
