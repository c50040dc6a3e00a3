// The limit that streaming is measured against: each row a JavaScript object, then a line of JSON. Prints JSON.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { FILL, TABLE } from './stream.mjs'

const rows = Number(process.argv[2])
const folder = mkdtempSync(join(tmpdir(), 'dbf-bench-'))
const db = new Sqlite(join(folder, 'main.sqlite'))
db.pragma('journal_mode = WAL')
db.exec(TABLE)
for (let at = 0; at < rows; at += 100_000) db.exec(FILL(at, at + 100_000))
const statement = db.prepare('select * from big')
const startedAt = performance.now()
let bytes = 0
for (const row of statement.iterate()) bytes += Buffer.byteLength(`${JSON.stringify(row)}\n`)
const seconds = (performance.now() - startedAt) / 1000
db.close()
rmSync(folder, { recursive: true })
process.stdout.write(JSON.stringify({ bytes, rowsPerSecond: rows / seconds }))
