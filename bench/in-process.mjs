// The limit that isolation is measured against: Fastify and better-sqlite3 in one process, with no authentication,
// validation, log or metrics. Answers in the shape of the gateway's query endpoint.
import Sqlite from 'better-sqlite3'
import Fastify from 'fastify'

const db = new Sqlite(':memory:')
db.exec('create table kv (id integer primary key, name text, value real, note text)')
const insert = db.prepare('insert into kv values (?, ?, ?, ?)')
db.transaction(() => {
  for (let id = 1; id <= 10_000; id += 1) insert.run(id, `name ${id}`, id / 7, 'n'.repeat(40))
})()
const statements = new Map()
const columns = [
  { name: 'id', type: 'integer', declared: 'INTEGER' },
  { name: 'name', type: 'text', declared: 'TEXT' },
  { name: 'value', type: 'real', declared: 'REAL' },
  { name: 'note', type: 'text', declared: 'TEXT' },
]

const app = Fastify()
app.post('/query', (request, reply) => {
  const { sql, params } = request.body
  let statement = statements.get(sql)
  if (!statement) {
    statement = db.prepare(sql)
    statements.set(sql, statement)
  }
  const startedAt = performance.now()
  const rows = statement.all(params)
  reply.send({
    columns,
    rows,
    rowsAffected: 0,
    durationMs: performance.now() - startedAt,
    truncated: false,
  })
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: app.server.address().port })
