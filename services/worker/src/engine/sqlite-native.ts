/** The guard's compiled part (`native/`), as JavaScript sees it; `native/node.c` says what each function takes. */
import { fileURLToPath } from 'node:url'

export interface NativeColumn {
  readonly name: string
  readonly declared: string | null
}

interface NativeStatement {
  readonly id: number
  /** Bits of DOES. */
  readonly does: number
  /** Memory that it takes, about. */
  readonly bytes: number
  /** Numbered as SQLite does: an entry for each, its name as written, null for `?`. */
  readonly parameters: readonly (string | null)[]
  readonly columns: readonly NativeColumn[]
}

/** What can be bound; a Float64Array of one is a real whatever its value. */
export type NativeValue = null | boolean | number | bigint | string | Uint8Array | Float64Array

export interface NativeGuard {
  lastGuard(): number
  limit(connection: number, busyMs: number, limits: readonly number[]): void
  begin(connection: number, request: number): void
  end(connection: number): void
  interrupt(connection: number, request: number): boolean
  prepare(connection: number, sql: string, mode: number): NativeStatement
  finalize(connection: number, statement: number): void
  columns(connection: number, statement: number): NativeColumn[]
  shape(
    connection: number,
    statement: number,
    types: readonly number[],
    keys: readonly string[],
    heads: readonly string[],
  ): void
  run(
    connection: number,
    statement: number,
    values: readonly NativeValue[],
    format: number,
    rowsMax: number,
    bytesMax: number,
    rowBytesMax: number,
    /** Unless it is a stream. */
    out?: Uint8Array,
  ): number
  more(connection: number, out: Uint8Array): number
  /** `partOf` reads the number. */
  part(connection: number, bytes: number): number
  take(connection: number, out: Uint8Array): void
  stop(connection: number): void
  step(connection: number, statement: number): void
  allow(connection: number, ms: number): void
  /** Bits of TRANSACTION. */
  transaction(connection: number): number
  close(connection: number): void
}

/** An error of SQLite, or of the guard in SQLite's words. */
export interface NativeError extends Error {
  /** SQLite's extended result code. */
  readonly resultCode: number
  /** Where in the text, in bytes of UTF-8; -1 if SQLite does not know. */
  readonly offset: number
}

export const MODE = { tenant: 0, readOnly: 1, platform: 2 } as const
export const DOES = { write: 1, rows: 2, schema: 4, grows: 32 } as const
export const TRANSACTION = { open: 1, defers: 2 } as const
export const FORMAT = { arrays: 1, stream: 2, csv: 4 } as const
export const STATE = { done: 0, more: 1, reshape: 2 } as const

/** The library, which SQLite also loads, as an extension. */
export const GUARD_LIBRARY = fileURLToPath(
  new URL(
    `../../dist/native/guard.${process.platform === 'darwin' ? 'dylib' : 'so'}`,
    import.meta.url,
  ),
)

let loaded: NativeGuard | undefined

/** @throws if the library has not been built. */
export function nativeGuard(): NativeGuard {
  if (!loaded) {
    const module = { exports: {} }
    process.dlopen(module, GUARD_LIBRARY)
    loaded = module.exports as NativeGuard
  }
  return loaded
}

/** The result code of a statement that is refused because it would write, and for no other reason. */
const WOULD_WRITE = 23 | (255 << 8)
/** Of one that was ended by the time it was allowed, not by an interrupt. */
const OUT_OF_TIME = 9 | (255 << 8)

export const wouldWrite = (error: unknown): boolean =>
  isNativeError(error) && error.resultCode === WOULD_WRITE

export const isOutOfTime = (error: unknown): boolean =>
  isNativeError(error) && error.resultCode === OUT_OF_TIME

/** By SQLite's numbers: IOERR, CORRUPT, NOTADB. */
const BROKEN = new Set([10, 11, 26])

/** The file or the disk is at fault, and what the connection holds of it cannot be trusted. */
export const isBroken = (error: unknown): boolean =>
  isNativeError(error) && BROKEN.has(error.resultCode & 0xff)

export const isNativeError = (error: unknown): error is NativeError =>
  error instanceof Error && 'resultCode' in error
