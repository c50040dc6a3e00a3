import type {
  BatchCommand,
  DescribeRequest,
  QueryCommand,
  StreamCommand,
} from '@db-forge/contract/wire'
import { type FailureDetails, type Payload, WorkerFailure } from '@db-forge/worker-kit'

/**
 * What can be interrupted: a connection of the engine. From `begin` to `end` the request of this number, and no
 * other, is what an interrupt ends (sqlite-interrupt.ts), from any thread.
 */
export interface Interruptible {
  /** To be asked at each `begin`: an engine whose disk failed it goes on with another one. */
  readonly connection: number
  begin(request: number): void
  end(): void
}

/** A query on its way through the engine. Exactly one of `succeed`, `fail` and `misplaced` is called. */
export interface QueryJob {
  readonly command: QueryCommand
  /**
   * Called each time before it runs; it may run twice. False if it shall not any more: it has been answered then, and
   * nothing else of this job may be called.
   */
  begin(on: Interruptible): boolean
  /** Called each time after it ran, before any answer. */
  end(on: Interruptible): void
  /** What it did is durable. */
  succeed(answer: Payload): void
  fail(error: unknown): void
  /** A reader was given what writes, or the writer, with `guess`, what only reads. It has not run. */
  misplaced(): void
}

/** An interrupt ended it. Whoever interrupted knows why, and says so to the caller with a code of his own. */
export class Interrupted extends WorkerFailure {
  constructor(details: FailureDetails = {}, options?: ErrorOptions) {
    super('query.timeout', 'interrupted', details, options)
  }
}

/** The database is too large, or the volume has no room. */
export type Refusal = 'quota' | 'disk'

/**
 * How SQL is run in one lane. Failures that the caller shall know are thrown, or handed to `fail`, as WorkerFailure.
 * Anything else that is thrown leaves the engine unfit to go on.
 */
export interface Engine extends Interruptible {
  readonly name: string
  readonly version: string
  /**
   * Runs queries that waited together, in their order. A reader reads them from one snapshot, taken after all of them
   * had arrived. The writer lets those that change rows share one durable commit: each in a savepoint of its own, one
   * that fails undone alone, all answered after the commit.
   */
  queries(jobs: readonly QueryJob[]): void
  /**
   * JSON text of a BatchResult. With a transaction, all statements take effect or none. To be called between `begin`
   * and `end`, as `describe` is.
   */
  batch(command: BatchCommand): Payload
  /** JSON text of a SchemaInfo; counts rows as long as `timeoutMs / 2` allows. */
  describe(request: DescribeRequest, timeoutMs: number): Payload
  /** On a connection of its own, in a reader. @throws WorkerFailure `database.busy` where there is none left. */
  openStream(command: StreamCommand): EngineStream
  /** The writer's `write`, which no other write may interleave, or a reader's `read`, on a connection of its own. */
  beginTransaction(mode: 'write' | 'read'): EngineTransaction
  /** While there is one, what would grow is refused with `quota.exceeded` or `disk.full`; DELETE and DROP are not. */
  refusal: Refusal | null
  /** What the data may take; they are not made smaller by it. */
  maxSizeMb: number
  /** Moves what the write-ahead log holds into the main file, as far as no reader needs it, and waits for nobody. */
  checkpoint(): void
  /** Brings what was acknowledged into the main file. The engine is then of no more use. */
  close(): void
}

/** Thrown by a stream's first `next`: a reader's if the statement writes, the writer's if it only reads. It has not run. */
export class WrongLane extends Error {}

export interface StreamChunk {
  readonly rows: number
  readonly bytes: Uint8Array
  /** To be called once the bytes are sent: their memory is used again. */
  release(): void
}

export interface EngineStream extends Interruptible {
  /** JSON list of columns. Known after the first `next`. */
  readonly meta: string
  /**
   * The next part: whole rows, as the format writes them, of about `bytesMax`, more only where one row is larger. Null
   * at the end. To be called between `begin` and `end`, which may be those of each part.
   * @throws WrongLane from the first call.
   */
  next(bytesMax: number): StreamChunk | null
  /** JSON text of a StreamEnd; after the end. */
  readonly tail: string
  /** Ends it, whatever was read, and gives the connection back. */
  close(): void
}

export interface EngineTransaction extends Interruptible {
  /** False once the engine has rolled it back by itself, as SQLite does when it interrupts a write. */
  readonly open: boolean
  /** To be called between `begin` and `end`. What fails is undone alone. */
  query(command: QueryCommand): Payload
  /** Where it fails and `open` is still true, as with a violated constraint, it may be tried again. */
  commit(): void
  rollback(): void
}
