import { shapeOf } from './sqlite-columns.ts'
import type { Guard, GuardedStatement } from './sqlite-guard.ts'

const STATEMENTS_MAX = 200
/** Longer texts are rarely sent twice, and the texts are kept too. */
const CACHED_CHARACTERS_MAX = 4096

/**
 * Prepared statements by their text, the least recently used forgotten first. A text is kept from its second
 * time on: one that never comes again must not push out others.
 */
export class StatementCache {
  readonly #guard: Guard
  readonly #bytesMax: number
  readonly #prepared = {
    tenant: new Map<string, GuardedStatement>(),
    readOnly: new Map<string, GuardedStatement>(),
  }
  readonly #seenOnce = new Set<string>()
  #bytes = 0

  /** @param bytesMax what the statements may take together. */
  constructor(guard: Guard, bytesMax: number) {
    this.#guard = guard
    this.#bytesMax = bytesMax
  }

  /**
   * Prepares a text if need be and hands it to `use`, which must not keep it.
   * @throws NativeError if the guard or SQLite refuses.
   */
  with<T>(sql: string, readOnly: boolean, use: (statement: GuardedStatement) => T): T {
    const mode = readOnly ? 'readOnly' : 'tenant'
    const prepared = this.#prepared[mode]
    const known = prepared.get(sql)
    if (known) {
      prepared.delete(sql)
      prepared.set(sql, known)
      return use(known)
    }
    const statement = this.#guard.prepare(sql, mode, shapeOf)
    if (this.#isKept(statement, sql)) {
      this.#keep(prepared, sql, statement)
      return use(statement)
    }
    try {
      return use(statement)
    } finally {
      statement.finalize()
    }
  }

  #isKept(statement: GuardedStatement, sql: string): boolean {
    if (statement.changesSchema || statement.bytes > this.#bytesMax / 4) return false
    return this.#isSeenAgain(sql)
  }

  #isSeenAgain(sql: string): boolean {
    if (sql.length > CACHED_CHARACTERS_MAX) return false
    if (this.#seenOnce.delete(sql)) return true
    this.#seenOnce.add(sql)
    const [oldest] = this.#seenOnce
    if (this.#seenOnce.size > STATEMENTS_MAX && oldest !== undefined) this.#seenOnce.delete(oldest)
    return false
  }

  #keep(prepared: Map<string, GuardedStatement>, sql: string, statement: GuardedStatement): void {
    while (prepared.size >= STATEMENTS_MAX) this.#forgetOldest(prepared)
    while (this.#bytes + statement.bytes > this.#bytesMax) this.#forgetOldest(this.#fuller())
    prepared.set(sql, statement)
    this.#bytes += statement.bytes
  }

  #fuller(): Map<string, GuardedStatement> {
    const { tenant, readOnly } = this.#prepared
    return tenant.size > readOnly.size ? tenant : readOnly
  }

  #forgetOldest(prepared: Map<string, GuardedStatement>): void {
    const [oldest] = prepared
    if (!oldest) return
    prepared.delete(oldest[0])
    this.#bytes -= oldest[1].bytes
    oldest[1].finalize()
  }

  /** To be called when the schema may have changed: what was known of statements no longer holds. */
  clear(): void {
    for (const prepared of Object.values(this.#prepared)) {
      for (const statement of prepared.values()) statement.finalize()
      prepared.clear()
    }
    this.#bytes = 0
  }
}
