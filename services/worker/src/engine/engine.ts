import type { BatchRequest, QueryRequest } from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import type { Payload } from '../json-text.ts'

/**
 * How SQL is run. Requests come one at a time; what each returns is the JSON text that the client gets.
 * Failures that the caller shall know are thrown as WorkerFailure.
 */
export interface Engine {
  readonly name: string
  readonly version: string
  /** By which another thread of this process interrupts what runs (sqlite-interrupt.ts). */
  readonly connection: number
  /** Until `end`, the request of this number is what an interrupt ends. */
  begin(request: number): void
  end(): void
  /** JSON text of a QueryResult. Leaves no transaction open. */
  query(request: QueryRequest): Payload
  /** JSON text of a BatchResult. All statements take effect, or none. */
  batch(request: BatchRequest): Payload
  /** JSON text of a SchemaInfo. */
  describe(request: DescribeRequest): Payload
  /** Brings what was acknowledged into the main file. The engine is then of no more use. */
  close(): void
}
