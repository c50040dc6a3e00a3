import type { PasswordCommand } from '@db-forge/contract/wire'
import { isTerm, WorkerFailure } from '@db-forge/worker-kit'
import { isRole } from './server/roles.ts'

/** It goes into SQL, and what PostgreSQL does not take for a verifier it would take for a password. */
const VERIFIER =
  /^SCRAM-SHA-256\$[1-9]\d{3,6}:(?:[A-Za-z0-9+/]{4}){2,16}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/

/** @throws WorkerFailure */
export function parsePassword(payload: Uint8Array): PasswordCommand {
  const { term, role, verifier, endSessions } = parsed(payload)
  if (
    !(term === null || isTerm(term)) ||
    !isRole(role) ||
    typeof verifier !== 'string' ||
    !VERIFIER.test(verifier) ||
    typeof endSessions !== 'boolean'
  )
    throw new WorkerFailure('request.invalid', 'a password that is none')
  return { term, role, verifier, endSessions }
}

function parsed(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(Buffer.from(payload).toString()))
  } catch {
    throw new WorkerFailure('request.invalid', 'no JSON')
  }
}
