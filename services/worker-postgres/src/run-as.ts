import {
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { EXIT, log, StartError } from '@db-forge/worker-kit'
import type { Config } from './config.ts'

/** Whoever comes first in the list of users. */
const UNPRIVILEGED = ['postgres', 'nobody']

interface User {
  readonly uid: number
  readonly gid: number
}

/**
 * Gives up root, which PostgreSQL refuses to run as: for the owner of the database's folder, or, where that is root too,
 * for an unprivileged user, who then becomes its owner.
 * @throws StartError
 */
export function giveUpRoot({ dir, templatesDir, user: wanted }: Config): void {
  if (process.getuid?.() !== 0) return
  const owner = statSync(dir, { throwIfNoEntry: false })
  if (!owner) return
  const user = owner.uid === 0 ? unprivileged(wanted) : owner
  if (owner.uid === 0) giveTree(dir, user)
  if (templatesDir) giveTemplates(templatesDir, user)
  process.setgroups?.([user.gid])
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)
  refuseUnreachable(dir, user)
  log('info', 'root was given up', { uid: user.uid, gid: user.gid })
}

function unprivileged(wanted: string | null): User {
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const names = wanted ? [wanted] : UNPRIVILEGED
  const entry = names
    .map((name) => entries.find(([user]) => user === name))
    .find((found) => found !== undefined)
  if (entry) return { uid: Number(entry[2]), gid: Number(entry[3]) }
  throw new StartError(
    EXIT.engineUnavailable,
    `PostgreSQL does not run as root, and there is no user ${names.join(' or ')}: name one by DBFORGE_USER`,
  )
}

/** What one worker puts there, others with this user copy. */
function giveTemplates(templatesDir: string, { uid, gid }: User): void {
  mkdirSync(templatesDir, { recursive: true, mode: 0o755 })
  if (statSync(templatesDir).uid === 0) chownSync(templatesDir, uid, gid)
}

function giveTree(path: string, user: User): void {
  if (lstatSync(path).isSymbolicLink()) {
    lchownSync(path, user.uid, user.gid)
    return
  }
  chownSync(path, user.uid, user.gid)
  if (!lstatSync(path).isDirectory()) return
  for (const name of readdirSync(path)) giveTree(join(path, name), user)
}

function refuseUnreachable(dir: string, user: User): void {
  try {
    readdirSync(dir)
  } catch (error) {
    throw new StartError(
      EXIT.engineUnavailable,
      `PostgreSQL does not run as root, and user ${user.uid} cannot reach ${dir}: choose a data folder whose parents others may enter`,
      { cause: error },
    )
  }
}
