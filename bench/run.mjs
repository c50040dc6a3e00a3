// The figures of the workers: all of them, or those that are named.
//   npm run bench [-- point-query life …] [--runtime process] [--short]
import { parseArgs } from 'node:util'
import { ensureBuilt } from '../scripts/build.mjs'
import { hasDocker, writeResult } from './machine.mjs'

const SQLITE = ['point-query', 'durable-inserts', 'stream', 'cancel', 'bombs', 'idle-memory']
const POSTGRES = ['postgres-point-query', 'postgres-stream', 'psql-port']
const LIFE = ['life', 'many']
const NAMES = [...SQLITE, ...POSTGRES, ...LIFE]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: 'string' }, short: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => !NAMES.includes(name))
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}; there are: ${NAMES.join(', ')}`)
  process.exit(2)
}

await ensureBuilt()
const runtime = values.runtime ?? (hasDocker() ? 'docker' : 'process')
for (const name of positionals.length > 0 ? positionals : NAMES) {
  console.log(`\n${name} (${runtime})`)
  const startedAt = performance.now()
  const { measure } = await import(`./${name}.mjs`)
  const result = await measure({ runtime, short: values.short })
  const tookSeconds = Math.round((performance.now() - startedAt) / 1000)
  const { rows, ...rest } = result
  if (rows) console.table(rows)
  console.log({ ...rest, tookSeconds })
  writeResult(name, { runtime, short: values.short, ...result, tookSeconds })
}
process.exit(0)
