import { join } from 'node:path'
import { replaceFile } from './data-directory.ts'

/** Read last, and never written by SQL: only a superuser could, and none runs what tenants write. */
const FILE = 'postgresql.auto.conf'

export interface LiveOptions {
  readonly maxSizeMb: number
  /** Transactions only read unless they say otherwise. */
  readonly readOnly: boolean
}

/** Settings that change while the server runs: on its command line they could not. */
export class LiveSettings {
  readonly #path: string
  #text = ''

  constructor(data: string) {
    this.#path = join(data, FILE)
  }

  /**
   * Puts them where the server reads them at its start and when it is told to. A file that is not whole would keep it
   * from starting.
   * @returns whether they have changed.
   */
  write(options: LiveOptions): boolean {
    const text = textOf(options)
    if (text === this.#text) return false
    replaceFile(this.#path, text)
    this.#text = text
    return true
  }
}

function textOf({ maxSizeMb, readOnly }: LiveOptions): string {
  const walMb = Math.max(64, Math.floor(Math.min(maxSizeMb / 4, 1024)))
  return [
    `temp_file_limit = '${Math.max(64, maxSizeMb)}MB'`,
    `max_wal_size = '${walMb}MB'`,
    ...(readOnly ? ['default_transaction_read_only = on'] : []),
    '',
  ].join('\n')
}
