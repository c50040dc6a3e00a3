// Compiles the guard if its sources, or SQLite's headers, are newer than what is there. Needs a C compiler (CC, else cc)
// and no network: the headers are those inside better-sqlite3. Usage: node build.mjs [folder of the output]
import { spawnSync } from 'node:child_process'
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

/**
 * @returns the path of the library.
 * @throws if there is no compiler, or it fails, of which it has said why.
 */
export function buildGuard(folder = join(here, '../dist/native'), flags = []) {
  const output = resolve(folder, `guard.${ENDING}`)
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')),
    'deps/sqlite3',
  )
  const sources = [here, headers].flatMap((from) =>
    readdirSync(from).map((name) => join(from, name)),
  )
  if (existsSync(output) && sources.every((path) => changedAt(path) < changedAt(output)))
    return output
  mkdirSync(folder, { recursive: true })
  const unfinished = `${output}.${process.pid}`
  const files = readdirSync(here).filter((name) => name.endsWith('.c'))
  compile([...FLAGS, ...flags, ...LINK, `-I${headers}`, '-o', unfinished, ...files])
  renameSync(unfinished, output)
  return output
}

function compile(args) {
  // biome-ignore lint/style/noProcessEnv: the compiler's customary name
  const compiler = process.env.CC || 'cc'
  const { error, status } = spawnSync(compiler, args, { cwd: here, stdio: 'inherit' })
  if (error?.code === 'ENOENT')
    throw new Error(
      `There is no C compiler ${compiler}, and the guard of the SQLite workers is written in C. Install one (Debian, ` +
        'Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install), or name yours in CC.',
    )
  if (error) throw error
  if (status !== 0) throw new Error(`${compiler} could not compile the guard.`)
}

const changedAt = (path) => statSync(path).mtimeMs

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    buildGuard(process.argv[2])
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
