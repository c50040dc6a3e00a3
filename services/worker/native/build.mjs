// Compiles the guard if its sources are newer than what is there. Needs a C compiler (CC, else cc) and no network: the
// headers are those of the SQLite inside better-sqlite3. Usage: node build.mjs [folder of the output]
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const ENDING = process.platform === 'darwin' ? 'dylib' : 'so'
const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fPIC',
  '-fvisibility=hidden',
  '-pthread',
]
// What Node itself provides is found when it loads the library.
const LINK =
  process.platform === 'darwin' ? ['-dynamiclib', '-undefined', 'dynamic_lookup'] : ['-shared']

/** @returns the path of the library. */
export function buildGuard(folder = join(here, '../dist/native'), flags = []) {
  const output = resolve(folder, `guard.${ENDING}`)
  const sources = readdirSync(here).map((name) => join(here, name))
  if (existsSync(output) && sources.every((path) => changedAt(path) < changedAt(output)))
    return output
  mkdirSync(folder, { recursive: true })
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')),
    'deps/sqlite3',
  )
  const unfinished = `${output}.${process.pid}`
  const files = sources.filter((path) => path.endsWith('.c'))
  // biome-ignore lint/style/noProcessEnv: the compiler's customary name
  const compiler = process.env.CC || 'cc'
  execFileSync(
    compiler,
    [...FLAGS, ...flags, ...LINK, `-I${headers}`, '-o', unfinished, ...files],
    { stdio: 'inherit' },
  )
  renameSync(unfinished, output)
  return output
}

const changedAt = (path) => statSync(path).mtimeMs

if (process.argv[1] === fileURLToPath(import.meta.url)) buildGuard(process.argv[2])
