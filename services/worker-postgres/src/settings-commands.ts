import type { ConfigureCommand, PasswordCommand } from '@db-forge/contract/wire'
import { WorkerFailure } from '@db-forge/worker-kit'
import { isRole } from './server/roles.ts'

/** Both go into SQL, so nothing else than this may make them up. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/
/** What PostgreSQL does not take for a verifier it would take for a password. */
const VERIFIER =
  /^SCRAM-SHA-256\$[1-9]\d{3,6}:(?:[A-Za-z0-9+/]{4}){2,16}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/

/** @throws WorkerFailure */
export function parseConfigure(payload: Uint8Array): ConfigureCommand {
  const { databaseName, sessionQueryTimeoutMs } = parsed(payload)
  if (
    typeof databaseName !== 'string' ||
    !NAME.test(databaseName) ||
    typeof sessionQueryTimeoutMs !== 'number' ||
    !Number.isSafeInteger(sessionQueryTimeoutMs) ||
    sessionQueryTimeoutMs < 0
  )
    throw new WorkerFailure('request.invalid', 'settings that are none')
  return { databaseName, sessionQueryTimeoutMs }
}

/** @throws WorkerFailure */
export function parsePassword(payload: Uint8Array): PasswordCommand {
  const { role, verifier, endSessions } = parsed(payload)
  if (
    !isRole(role) ||
    typeof verifier !== 'string' ||
    !VERIFIER.test(verifier) ||
    typeof endSessions !== 'boolean'
  )
    throw new WorkerFailure('request.invalid', 'a password that is none')
  return { role, verifier, endSessions }
}

function parsed(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(Buffer.from(payload).toString()))
  } catch {
    throw new WorkerFailure('request.invalid', 'no JSON')
  }
}
