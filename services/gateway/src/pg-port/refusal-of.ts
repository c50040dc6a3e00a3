import { ERRORS, type ErrorCode } from '@db-forge/contract'
import { AppError } from '../core/app-error.ts'
import { PgRefusal } from './refusal.ts'

const SQL_STATES: Partial<Record<ErrorCode, string>> = {
  'engine.unsupported': '0A000',
  'server.internal': 'XX000',
}
/** Of a server that does not take anybody at the moment. */
const NOT_NOW = '57P03'

/** Throws what kept a database from being reached in PostgreSQL's words. */
export function refusalOf(database: string, error: unknown): never {
  if (!(error instanceof AppError)) throw error
  const { code, detail } = error
  if (code === 'database.not_found')
    throw new PgRefusal('3D000', `database "${database}" does not exist`)
  throw new PgRefusal(SQL_STATES[code] ?? NOT_NOW, ERRORS[code].title, detail)
}
