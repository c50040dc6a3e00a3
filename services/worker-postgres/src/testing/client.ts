import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { ConnectionRole } from '@db-forge/contract'
import type { ConfigureCommand } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import type { Link } from '@db-forge/worker-kit/testing/link'
import pg from 'pg'
import { folderAt } from '../folder.ts'

const PASSWORD = 'correct horse'

/** Gives a role its password, as the gateway does. */
export const setPassword = (
  control: Link,
  role: ConnectionRole,
  password = PASSWORD,
  endSessions = false,
) =>
  control.request(FrameType.setPassword, {
    term: 1,
    role,
    verifier: verifierOf(password),
    endSessions,
  })

export const configure = (
  control: Link,
  databaseName: string,
  sessionQueryTimeoutMs = 0,
  changes: Partial<ConfigureCommand> = {},
) =>
  control.request(FrameType.configure, {
    term: 1,
    maxSizeMb: 256,
    readOnly: null,
    databaseName,
    sessionQueryTimeoutMs,
    ...changes,
  })

/** A client of the server itself, by its socket, as the gateway leads it there. */
export async function connectClient(
  dir: string,
  user: string,
  { database = 'main', password = PASSWORD } = {},
): Promise<pg.Client> {
  const host = folderAt(dir).runDir
  const client = new pg.Client({ host, port: 5432, user, database, password })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

export function verifierOf(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256')
  const key = (name: string) => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$4096:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}

/** The SQLSTATE that it fails with; 'ok' if it does not. */
export const sqlStateOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ok',
    (error: { code?: string }) => error.code ?? String(error),
  )
