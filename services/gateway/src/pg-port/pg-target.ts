/** Where a session goes: what the port asks the rest of the gateway for. */
export interface PgTarget {
  readonly databaseId: string
  readonly socketPath: string
  /** As the server knows it. */
  readonly database: string
  /** How many sessions the server has room for. */
  readonly sessionsMax: number
}

/** Why a session cannot be had, in words that the client may read. */
export class PgRefusal extends Error {
  readonly sqlState: string
  constructor(sqlState: string, message: string) {
    super(message)
    this.name = 'PgRefusal'
    this.sqlState = sqlState
  }
}

/** SQLSTATEs that the port itself answers with. */
export const SqlState = {
  protocolViolation: '08P01',
  notSupported: '0A000',
  invalidAuthorization: '28000',
  invalidPassword: '28P01',
  unknownDatabase: '3D000',
  tooManyConnections: '53300',
  cancelled: '57014',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  idleSession: '57P05',
  internal: 'XX000',
} as const

/** What the port reports of its sessions. SQLSTATEs are a server's or the port's own. */
export interface PgTelemetry {
  opened(): void
  closed(): void
  /** A session was not opened, or the port ended it. */
  refused(sqlState: string): void
}

export interface PgLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
