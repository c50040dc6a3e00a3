import type { Link } from './link.ts'

/** What is written in one way for one engine and in another for the next. */
export interface Dialect {
  /** Stands for the nth parameter, from 1. */
  mark(nth: number): string
  readonly bytesType: string
  /** What the engine calls its errors. */
  readonly sqlCodes: {
    readonly syntax: string
    readonly unknownColumn: string
    readonly unknownTable: string
    readonly primaryKey: string
    readonly unique: string
    readonly notNull: string
    readonly check: string
    readonly foreignKey: string
  }
}

export interface ContractWorker {
  /** Where what writes goes. */
  sql(): Promise<Link>
  /** Where what reads goes. */
  reader(): Promise<Link>
  control(): Promise<Link>
  end(signal?: 'SIGKILL'): Promise<unknown>
}

/** The worker of one file's tests, with a connection of each kind. */
export interface Subject {
  readonly dialect: Dialect
  worker: ContractWorker
  writer: Link
  reader: Link
  control: Link
  /** First cell of the first row, as whoever reads sees it. */
  value(sql: string): Promise<unknown>
}

/** Takes long enough for any test to do something to it. */
export const ENDLESS =
  'with recursive c(x) as (select cast(1 as bigint) union all select x + 1 from c) select count(*) from c'
