import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { chmod, cp, rename, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { EXIT, errorFields, log, StartError } from '@db-forge/worker-kit'
import type { Binaries } from './binaries.ts'
import { accessRules } from './roles.ts'
import { initialize, template } from './template.ts'

/** Lies in a data directory that is durable as a whole. One without it was never served from. */
const COMPLETE = 'dbforge.complete'

/** The version that made the data; null if there is none yet. */
export function dataMajor(data: string): number | null {
  refuseForeign(data)
  try {
    readFileSync(join(data, COMPLETE))
    return Number.parseInt(readFileSync(join(data, 'PG_VERSION'), 'utf8'), 10)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** A link in the folder would lead the server out of it. */
function refuseForeign(data: string): void {
  const stat = lstatSync(data, { throwIfNoEntry: false })
  if (stat && !stat.isDirectory())
    throw new StartError(EXIT.databaseUnusable, `${data} is not a folder`)
}

/**
 * Makes the data directory of a new database.
 * @returns what makes it durable, to be waited for before anything is answered.
 */
export async function createData(
  data: string,
  binaries: Binaries,
  templatesDir: string | null,
): Promise<() => Promise<void>> {
  const fresh = `${data}.new`
  for (const path of [fresh, data]) await rm(path, { recursive: true, force: true })
  const from = await usableTemplate(templatesDir, binaries)
  if (from) await copy(from, fresh)
  else await initialize(fresh, binaries)
  await chmod(fresh, 0o700)
  await rename(fresh, data)
  return () => settle(data)
}

async function usableTemplate(templatesDir: string | null, binaries: Binaries) {
  if (!templatesDir) return null
  try {
    return await template(templatesDir, binaries)
  } catch (error) {
    log('warn', 'there is no template of a data directory', errorFields(error))
    return null
  }
}

async function copy(from: string, to: string): Promise<void> {
  const args = ['-R', '--reflink=auto', '--no-preserve=mode,ownership', from, to]
  if (await succeeds('cp', args)) return
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true })
}

/** Brings all of it to the disk, then says so in it. */
async function settle(data: string): Promise<void> {
  if (!(await succeeds('sync', ['-f', data]))) await succeeds('sync', [])
  const marker = join(data, COMPLETE)
  writeFileSync(marker, '')
  for (const path of [marker, data, dirname(data)]) syncPath(path)
}

export function syncPath(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore' })
    child.on('error', () => resolve(false))
    child.on('close', (code) => resolve(code === 0))
  })
}

/** Written anew at each start: who the worker runs as may have changed. */
export function writeAccessRules(data: string): void {
  const { hba, ident } = accessRules(userName())
  replaceFile(join(data, 'pg_hba.conf'), hba)
  replaceFile(join(data, 'pg_ident.conf'), ident)
}

/**
 * A file that is there as a whole or as it was, and untouched if it says the same: on a full volume a worker must be able
 * to start, since only then can anybody make room.
 */
export function replaceFile(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  const fresh = `${path}.new`
  try {
    writeFileSync(fresh, text, { mode: 0o600 })
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** Null for a user that the system has no name for; a server cannot tell such users apart. */
function userName(): string | null {
  try {
    return userInfo().username
  } catch {
    log('warn', 'this user has no name: the sockets of the server are guarded by the folder alone')
    return null
  }
}
