/** A connection that is not made, or ended, in PostgreSQL's own words. */
export class PgRefusal extends Error {
  /** Appendix A of PostgreSQL's documentation. */
  readonly sqlState: string
  readonly hint: string | undefined

  constructor(sqlState: string, message: string, hint?: string) {
    super(message)
    this.name = 'PgRefusal'
    this.sqlState = sqlState
    this.hint = hint
  }
}

/** As an ErrorResponse that ends the connection. */
export function errorResponse({ sqlState, message, hint }: PgRefusal): Buffer {
  const fields = [
    ['S', 'FATAL'],
    ['V', 'FATAL'],
    ['C', sqlState],
    ['M', message],
    ...(hint === undefined ? [] : [['H', hint]]),
  ]
  const body = Buffer.from(
    `${fields.map(([type, text = '']) => `${type}${text.replaceAll('\0', '')}\0`).join('')}\0`,
  )
  const head = Buffer.alloc(5)
  head.write('E', 0, 'latin1')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
