// Installs and builds what has changed since the last time, so that a second start is quick.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_NEEDED = [20, 19]
const GENERATED = new Set(['node_modules', 'dist', '.next', 'coverage'])
const stampFile = join(root, 'node_modules/.dbforge-built.json')

/** Brings node_modules and every build output up to date. Prints what it does; ends the program if that fails. */
export async function ensureBuilt() {
  requireNode()
  const stamp = readStamp()
  const manifests = digest(manifestFiles(), (path) => readFileSync(path))
  if (stamp.manifests !== manifests) {
    await run('Installing packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
    writeStamp({ manifests })
  }
  const services = digest(
    sourceFiles([
      'packages',
      'services/gateway',
      'services/worker',
      'services/worker-postgres',
      'services/e2e',
    ]),
    fingerprint,
  )
  if (
    stamp.manifests !== manifests ||
    stamp.services !== services ||
    !existsSync(join(root, 'services/gateway/dist/main.js')) ||
    !existsSync(join(root, 'services/worker/dist/native'))
  ) {
    await run('Building services', process.execPath, [bin('typescript/bin/tsc'), '-b'])
    await run('Compiling the guard', process.execPath, ['services/worker/native/build.mjs'])
    writeStamp({ manifests, services })
  }
  const dashboard = digest(sourceFiles(['packages', 'services/frontend']), fingerprint)
  if (stamp.manifests !== manifests || stamp.dashboard !== dashboard) {
    await run('Building the dashboard', 'npm', [
      'run',
      'build',
      '-w',
      'services/frontend',
      '--silent',
    ])
    writeStamp({ manifests, services, dashboard })
  }
}

/** A command whose output is shown only if it fails. */
export function run(title, command, args, options = {}) {
  const startedAt = performance.now()
  process.stdout.write(`${title} …`)
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('error', (error) => fail(title, error.message))
    child.on('close', (code) => {
      if (code !== 0) fail(title, Buffer.concat(output).toString())
      process.stdout.write(` ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
      resolve()
    })
  })
}

function fail(title, output) {
  process.stdout.write(` failed\n\n${output}\n`)
  process.stderr.write(`${title} failed.\n`)
  process.exit(1)
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return
  process.stderr.write(
    `DB-Forge needs Node ${NODE_NEEDED.join('.')} or newer; this is ${process.versions.node}.\n`,
  )
  process.exit(1)
}

const bin = (path) => join(root, 'node_modules', path)

function manifestFiles() {
  const folders = ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(root, parent, name, 'package.json')),
  )
  return [
    join(root, 'package.json'),
    join(root, 'package-lock.json'),
    ...folders.filter(existsSync),
  ]
}

function sourceFiles(folders) {
  return [
    join(root, 'tsconfig.base.json'),
    ...folders.flatMap((folder) => filesBelow(join(root, folder))),
  ]
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !GENERATED.has(entry.name) && entry.name !== 'next-env.d.ts')
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path) : [path]
    })
}

/** Cheap: a file that was touched counts as changed. */
function fingerprint(path) {
  const { mtimeMs, size } = statSync(path)
  return `${mtimeMs}:${size}`
}

function digest(paths, contentOf) {
  const hash = createHash('sha256').update(process.version)
  for (const path of paths.toSorted())
    hash.update(`\0${relative(root, path)}\0`).update(contentOf(path))
  return hash.digest('hex')
}

function readStamp() {
  return existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {}
}

function writeStamp(stamp) {
  writeFileSync(stampFile, JSON.stringify(stamp))
}
